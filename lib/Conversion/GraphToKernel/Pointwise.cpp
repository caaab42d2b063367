// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels without an anchor: one flat dimension over the elements of the root. Operands of the same
// sizes collapse to plain contiguous views, broadcast and rearranged ones to strides or divisions.

#include "Anchors.h"
#include "Tiles.h"

using namespace mlir;

namespace cameo::graphtokernel {

Family buildPointwise(KernelBuilder &kernel) {
  Value root = kernel.group.root->getResult(0);
  auto sizes = graph::getSizes(root.getType());
  TileBuilder tiles(kernel, Domain{{"d0", product({sizes.begin(), sizes.end()})}});
  Coordinates at = delinearize(tiles.domain.at(0), sizes);
  tiles.write(tiles.map(root, at, {0}), root, at);
  return StringRef("pointwise");
}

} // namespace cameo::graphtokernel
