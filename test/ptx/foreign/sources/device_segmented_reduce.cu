// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// CUB DeviceSegmentedReduce: a block for each segment.
#include <cub/device/device_segmented_reduce.cuh>
void host(void *temporary, size_t &bytes, const int *x, int *y, int n, const int *begins) {
  cub::DeviceSegmentedReduce::Sum(temporary, bytes, x, y, n, begins, begins + 1);
}
