// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// cuda::atomic_ref of several scopes: a ticket lock between blocks, a flag within one.
#include <cuda/atomic>
extern "C" __global__ void ticket_lock(unsigned *next, unsigned *serving, int *sum, int *order, int rounds) {
  __shared__ unsigned ready;
  __shared__ int value;
  if (threadIdx.x == 0)
    ready = 0;
  __syncthreads();
  cuda::atomic_ref<unsigned, cuda::thread_scope_block> flag(ready);
  if (threadIdx.x == 0) {
    value = blockIdx.x + 1;
    flag.store(1, cuda::memory_order_release);
  } else if (threadIdx.x == 32) {
    while (flag.load(cuda::memory_order_acquire) == 0)
      ;
    cuda::atomic_ref<unsigned, cuda::thread_scope_device> tickets(*next), turn(*serving);
    for (int r = 0; r < rounds; ++r) {
      unsigned mine = tickets.fetch_add(1, cuda::memory_order_relaxed);
      while (turn.load(cuda::memory_order_acquire) != mine)
        ;
      *sum = *sum * 3 % 10007 + 1;
      order[value - 1] += 1;
      turn.store(mine + 1, cuda::memory_order_release);
    }
  }
}
