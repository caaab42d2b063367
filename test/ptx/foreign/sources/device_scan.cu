// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// CUB DeviceScan: the kernel with decoupled look-back.
#include <cub/device/device_scan.cuh>
void host(void *temporary, size_t &bytes, const int *x, int *y, int n) { cub::DeviceScan::InclusiveSum(temporary, bytes, x, y, n); }
