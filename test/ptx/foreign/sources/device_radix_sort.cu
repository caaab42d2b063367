// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// CUB DeviceRadixSort: the kernels of a onesweep pass.
#include <cub/device/device_radix_sort.cuh>
void host(void *temporary, size_t &bytes, const unsigned *keys, unsigned *sorted, const int *x, int *y, int n) {
  cub::DeviceRadixSort::SortPairs(temporary, bytes, keys, sorted, x, y, n);
}
