"""Which estimator's keypoints an array holds, by how many they are."""

JOINTS = 133  # COCO-WholeBody: body 0-16, feet 17-22, face 23-90, left hand 91-111, right 112-132
_KNOWN = {
  17: "COCO's body", 18: "OpenPose's COCO body", 21: "one hand", 25: "OpenPose's BODY_25",
  26: "Halpe's body and feet", 33: "MediaPipe's body", 42: "two hands", 67: "BODY_25 and two hands",
  68: "a face", 75: "MediaPipe's body and two hands",
  134: "COCO-WholeBody in OpenPose's order with a neck, which rtmlib writes with to_openpose=True",
  135: "OpenPose's BODY_135", 136: "Halpe's whole body", 137: "OpenPose's body, face and hands",
  468: "MediaPipe's face", 543: "MediaPipe Holistic", 553: "MediaPipe Holistic with irises",
  576: "MediaPipe Holistic with its body in metres",
}  # fmt: skip
NEEDED = (
  f"needed are COCO-WholeBody's {JOINTS}, of a body with face and hands, as RTMPose's whole-body "
  "models estimate them"
)


def named(count):
  """'17 keypoints (COCO's body)' for a number of keypoints."""
  return f"{count} keypoints" + (f" ({_KNOWN[count]})" if count in _KNOWN else "")
