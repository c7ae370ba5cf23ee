"""SignVTCL: continuous sign language recognition from video, keypoints and optical flow."""
