// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// CUB DeviceRunLengthEncode: look-back over pairs.
#include <cub/device/device_run_length_encode.cuh>
void host(void *temporary, size_t &bytes, const int *x, int *keys, int *lengths, int *runs, int n) {
  cub::DeviceRunLengthEncode::Encode(temporary, bytes, x, keys, lengths, runs, n);
}
