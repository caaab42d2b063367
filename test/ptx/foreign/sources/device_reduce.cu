// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// CUB DeviceReduce: many blocks, then one.
#include <cub/device/device_reduce.cuh>
void host(void *temporary, size_t &bytes, const float *x, float *y, int n) { cub::DeviceReduce::Max(temporary, bytes, x, y, n); }
