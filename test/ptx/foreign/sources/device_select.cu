// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// CUB DeviceSelect: what a flag marks, with decoupled look-back.
#include <cub/device/device_select.cuh>
void host(void *temporary, size_t &bytes, const int *x, const char *flags, int *y, int *count, int n) {
  cub::DeviceSelect::Flagged(temporary, bytes, x, flags, y, count, n);
}
