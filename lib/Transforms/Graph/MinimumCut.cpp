// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See MinimumCut.h. Paths are walked with a stack of their own: graphs of large models are deep.
#include "MinimumCut.h"

#include <algorithm>

namespace cameo::graph {

void MinimumCut::addEdge(unsigned from, unsigned to, int64_t weight) {
  if (from == to || weight <= 0)
    return;
  for (auto [tail, head, left] : {std::tuple(from, to, weight), std::tuple(to, from, int64_t(0))}) {
    edgesOf[tail].push_back(unsigned(edges.size()));
    edges.push_back({head, left});
  }
}

/// Distances from the source over edges that can carry more; false when the sink is out of reach.
bool MinimumCut::findLevels() {
  level.assign(edgesOf.size(), -1);
  level[source] = 0;
  std::vector<unsigned> queue{source};
  for (size_t i = 0; i < queue.size(); ++i)
    for (unsigned number : edgesOf[queue[i]]) {
      const Edge &edge = edges[number];
      if (edge.left == 0 || level[edge.to] >= 0)
        continue;
      level[edge.to] = level[queue[i]] + 1;
      queue.push_back(edge.to);
    }
  return level[sink] >= 0;
}

/// Sends as much as one path from source to sink can carry; 0 when this phase has none left.
int64_t MinimumCut::augment() {
  std::vector<unsigned> path;
  unsigned at = source;
  while (at != sink) {
    if (next[at] < edgesOf[at].size()) {
      unsigned number = edgesOf[at][next[at]];
      const Edge &edge = edges[number];
      if (edge.left > 0 && level[edge.to] == level[at] + 1) {
        path.push_back(number);
        at = edge.to;
      } else {
        ++next[at];
      }
      continue;
    }
    if (path.empty())
      return 0;
    at = edges[path.back() ^ 1].to;
    path.pop_back();
    ++next[at];
  }
  int64_t amount = infinite;
  for (unsigned number : path)
    amount = std::min(amount, edges[number].left);
  for (unsigned number : path) {
    edges[number].left -= amount;
    edges[number ^ 1].left += amount;
  }
  return amount;
}

void MinimumCut::solve() {
  while (findLevels()) {
    next.assign(edgesOf.size(), 0);
    while (augment() > 0) {
    }
  }
}

} // namespace cameo::graph
