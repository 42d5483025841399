"""Models for people who deploy elsewhere: OpenVINO IR and ONNX, proved before they appear."""
