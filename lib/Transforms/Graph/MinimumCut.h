// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Divides the nodes of a weighted graph in two, those with the source and those with the sink, so that the
// edges from the first to the second weigh least: the augmenting paths of Dinic. Where several divisions
// weigh the same, it takes the one with the fewest nodes on the source's side.
#ifndef CAMEO_LIB_TRANSFORMS_GRAPH_MINIMUMCUT_H
#define CAMEO_LIB_TRANSFORMS_GRAPH_MINIMUMCUT_H

#include <cstdint>
#include <limits>
#include <vector>

namespace cameo::graph {

class MinimumCut {
public:
  static constexpr unsigned source = 0, sink = 1;
  static constexpr int64_t infinite = std::numeric_limits<int64_t>::max() / 4;

  unsigned addNode() {
    edgesOf.emplace_back();
    return unsigned(edgesOf.size()) - 1;
  }
  void addEdge(unsigned from, unsigned to, int64_t weight);
  void solve();
  bool isWithSource(unsigned node) const { return level[node] >= 0; }

private:
  struct Edge {
    unsigned to;
    int64_t left; ///< what may still flow; edge i ^ 1 goes back
  };
  bool findLevels();
  int64_t augment();

  std::vector<Edge> edges;
  std::vector<std::vector<unsigned>> edgesOf = std::vector<std::vector<unsigned>>(2);
  std::vector<int> level;
  std::vector<size_t> next; ///< edges of a node that are exhausted in this phase
};

} // namespace cameo::graph

#endif // CAMEO_LIB_TRANSFORMS_GRAPH_MINIMUMCUT_H
