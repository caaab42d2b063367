// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// libcu++: latch, counting_semaphore, atomic wait and notify, orders of all kinds, floating fetch_add, fetch_max, compare_exchange loops.
#include <cuda/atomic>
#include <cuda/latch>
#include <cuda/semaphore>
#include <cuda/std/atomic>
#include <new>
#pragma nv_diag_suppress static_var_with_dynamic_init
extern "C" __global__ void latch_semaphore(const int *x, int *y, double *sum, unsigned long long *packed, int *most, int *peak, int n) {
  using Latch = cuda::latch<cuda::thread_scope_block>;
  using Semaphore = cuda::counting_semaphore<cuda::thread_scope_block, 4>;
  __shared__ alignas(Latch) char latch[sizeof(Latch)];
  __shared__ alignas(Semaphore) char semaphore[sizeof(Semaphore)];
  auto &ready = *reinterpret_cast<Latch *>(latch);
  auto &slots = *reinterpret_cast<Semaphore *>(semaphore);
  __shared__ cuda::atomic<int, cuda::thread_scope_block> stage, inside;
  __shared__ int value[4], chain;
  int t = threadIdx.x, w = t / 32;
  if (t == 0) { new (&ready) Latch(4); new (&slots) Semaphore(2); stage = 0; inside = 0; chain = 1; }
  __syncthreads();
  if (t % 32 == 0) {
    value[w] = x[blockIdx.x * 4 + w];
    ready.count_down();
    ready.wait();
    int s = value[0] + value[1] + value[2] + value[3];
    slots.acquire();
    int now = inside.fetch_add(1, cuda::memory_order_relaxed) + 1;
    cuda::atomic_ref<int, cuda::thread_scope_device>(*peak).fetch_max(now > 2 ? 99 : 0, cuda::memory_order_relaxed);
    inside.fetch_sub(1);
    slots.release();
    for (int now; (now = stage.load(cuda::memory_order_acquire)) != w;) stage.wait(now, cuda::memory_order_acquire);
    chain = chain * 2 + w;
    y[blockIdx.x * 4 + w] = chain + s;
    stage.store(w + 1, cuda::memory_order_release);
    stage.notify_all();
  }
  cuda::atomic_ref<double, cuda::thread_scope_device>(*sum).fetch_add(x[blockIdx.x * 4 + w], cuda::memory_order_acq_rel);
  cuda::atomic_ref<int, cuda::thread_scope_system>(*most).fetch_max(x[blockIdx.x * 4 + w], cuda::memory_order_seq_cst);
  cuda::atomic_ref<unsigned long long, cuda::thread_scope_device> p(*packed);
  unsigned long long old = p.load(cuda::memory_order_relaxed), next;
  do next = old + (1ull << 32) + (t & 1); while (!p.compare_exchange_weak(old, next, cuda::memory_order_release, cuda::memory_order_relaxed));
}
