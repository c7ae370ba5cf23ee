"""SignVTCL: continuous sign language recognition from video, keypoints and optical flow.

Its networks, losses and decoding are here and agree with numbers measured in PyTorch. It is not yet
in the registry: there is no task that trains it.
"""
