"""NLA-SLR: isolated signs by video and keypoints at two lengths, assisted by the glosses' words."""
