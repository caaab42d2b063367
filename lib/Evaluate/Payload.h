// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scalar code inside kernels (bodies of linalg ops, computed views, scatters) runs once an element,
// so it is translated once: every value gets a slot, every op becomes a step with a function and
// the numbers of its slots. A float is kept as the double that equals it and rounded to its type
// after every step; an integer is sign-extended to 64 bits (i1 is 0 or 1). Values from outside the
// region are copied into their slots when the payload is made.
#pragma once

#include "cameo/HostOps/HostTensor.h"

#include "mlir/IR/Operation.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <memory>

namespace cameo::evaluate {

union Scalar {
  double real;
  int64_t integer = 0;
};

/// How a scalar type is stored and rounded: floats as they are, i1 as boolean, index as i64,
/// signless integers as the signed type of their width; undefined for any other type.
DType scalarType(mlir::Type type);

class Payload;

struct Step {
  using Function = void (*)(const Step &, Scalar *);
  Function function = nullptr;
  int in[4] = {0, 0, 0, 0};
  int out = 0;
  DType type = DType::undefined;    ///< of the result
  DType operand = DType::undefined; ///< of the first operand
  int64_t detail = 0;               ///< a predicate, a loop number
  std::shared_ptr<const host::HostTensor> buffer;
  std::string *fault = nullptr;              ///< where a step reports what must not happen
  std::vector<std::shared_ptr<Payload>> sub; ///< bodies of nested control flow
};

/// What a region may use from outside: a scalar, or a buffer that it reads.
struct Outside {
  std::optional<Scalar> scalar;
  std::shared_ptr<const host::HostTensor> buffer;
};
using Resolver = llvm::function_ref<Outside(mlir::Value)>;

class Payload {
public:
  /// Translates a block. Fails with a message at the first op that is no scalar code.
  static host::Result<std::shared_ptr<Payload>> make(mlir::Block &block, Resolver outside);

  /// Sets argument i, a coordinate of the iteration space (`linalg.index`), and reads yielded value
  /// i.
  Scalar &argument(unsigned i) { return slots[size_t(arguments[i])]; }
  void setCoordinates(llvm::ArrayRef<int64_t> at);
  Scalar result(unsigned i) const { return slots[size_t(yielded[i])]; }
  unsigned numArguments() const { return unsigned(arguments.size()); }
  unsigned numResults() const { return unsigned(yielded.size()); }

  void run() { runSteps(slots.data()); }
  void runSteps(Scalar *into) const {
    for (const Step &step : steps)
      step.function(step, into);
  }
  /// Empty, or what went wrong in some run so far.
  const std::string &fault() const { return *faultText; }

  std::vector<int> arguments, yielded;

private:
  friend class PayloadBuilder;
  std::vector<Scalar> slots;
  std::vector<Step> steps;
  std::vector<std::pair<int, int64_t>> coordinateSlots;
  std::shared_ptr<std::string> faultText;
};

/// The step of one arith or math op on scalars (or on the elements of tensors), slots unset;
/// nothing for other ops.
std::optional<Step> scalarStep(mlir::Operation *op);

/// The value of a scalar constant attribute.
std::optional<Scalar> scalarOf(mlir::Attribute attribute);

/// One element of a tensor, and back (rounded or wrapped to its type).
Scalar loadScalar(const host::HostTensor &tensor, int64_t position);
void storeScalar(host::HostTensor &tensor, int64_t position, Scalar value);

} // namespace cameo::evaluate
