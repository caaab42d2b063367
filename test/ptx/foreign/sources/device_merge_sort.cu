// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// CUB DeviceMergeSort: doubles.
#include <cub/device/device_merge_sort.cuh>
struct Less {
  __device__ bool operator()(double a, double b) const { return a < b; }
};
void host(void *temporary, size_t &bytes, double *x, int n) { cub::DeviceMergeSort::SortKeys(temporary, bytes, x, n, Less()); }
