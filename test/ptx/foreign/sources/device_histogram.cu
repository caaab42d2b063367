// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// CUB DeviceHistogram: bins of equal width.
#include <cub/device/device_histogram.cuh>
void host(void *temporary, size_t &bytes, const float *x, int *bins, int n) {
  cub::DeviceHistogram::HistogramEven(temporary, bytes, x, bins, 65, 0.0f, 1.0f, n);
}
