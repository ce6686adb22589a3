"""Loops become kernels: functions that programs share, written out loop by loop and vector by vector."""
