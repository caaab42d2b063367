// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Lists in global memory whose heads are pushed by atomicCAS, an open-addressing table, and a mutex by atomicExch.
struct Node { int key, next; };
extern "C" __global__ void hash_lists(const int *keys, Node *nodes, int *heads, int *used, int *table, int *count, int *lock, long long *sum, int *most, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  int key = keys[i];
  int at = atomicAdd(used, 1);
  nodes[at].key = key;
  int *head = heads + (unsigned)key % 16, old = *(volatile int *)head, seen;
  do {
    seen = old;
    nodes[at].next = seen;
    __threadfence();
    old = atomicCAS(head, seen, at);
  } while (old != seen);
  for (unsigned h = key * 2654435761u % 512;; h = (h + 1) % 512) {
    int there = atomicCAS(table + h, -1, key);
    if (there == -1 || there == key) { atomicAdd(count + h, 1); break; }
  }
  bool done = key % 8 != 0;
  while (!done) {
    if (atomicCAS(lock, 0, 1) == 0) {
      __threadfence();
      *(volatile long long *)sum = *(volatile long long *)sum + key;
      if (key > *(volatile int *)most) *(volatile int *)most = key;
      __threadfence();
      atomicExch(lock, 0);
      done = true;
    }
  }
}
