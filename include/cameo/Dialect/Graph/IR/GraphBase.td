// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The dialect, its type constraints and the base class of its ops. A model is a DAG over tensors
// whose sizes may be unknown until launch; "the same N" must stay recognisable, so a tensor with an
// unknown size carries the size expressions in its type's encoding (`#graph.sizes`). Every op infers
// the sizes of its results from its operands and attributes, once, in `inferSizes`; the verifier,
// the builders and the importer all use that one rule. Refuses unranked tensors and other dialects'
// encodings.
#ifndef CAMEO_DIALECT_GRAPH_IR_GRAPHBASE_TD
#define CAMEO_DIALECT_GRAPH_IR_GRAPHBASE_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Graph_Dialect : Dialect {
  let name = "graph";
  let cppNamespace = "::cameo::graph";
  let summary = "What a model means: tensor programs with value semantics and symbolic sizes";
  let description = [{
    A neutral tensor program of a few dozen core ops. It is not a mirror of ONNX: the importer and
    `graph-decompose` absorb operator versions and composites, while composites that matter for
    speed (softmax, normalization, gelu, quantize) stay whole.

    Values are builtin ranked tensors. A tensor with a dynamic dimension carries the sizes of *all*
    its dimensions as an encoding, `tensor<2x?xf32, #graph.sizes<["2", "3*N"]>>`; a static tensor
    carries none. Equality of the texts is equality of the sizes. Booleans are `i1`, unsigned
    integers `ui8` … `ui64`, signed integers signless `i8` … `i64`.

    A model is one `func.func @main` whose `graph.symbols` attribute says which input dimension each
    symbol is read from; symbols read from the *contents* of an input come from `graph.read_sizes`.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let hasOperationAttrVerify = 1;
}

//===----------------------------------------------------------------------===//
// Types: ranked tensors by class of element
//===----------------------------------------------------------------------===//

class Graph_TensorOf<string predicate, string description>
    : Type<CPred<"::cameo::graph::isTensorOf($_self, ::cameo::graph::" # predicate # ")">,
           "ranked tensor of " # description, "::mlir::RankedTensorType">;

def Graph_Tensor        : Graph_TensorOf<"isElement", "any model element type">;
def Graph_FloatTensor   : Graph_TensorOf<"isFloatElement", "floats">;
def Graph_IntTensor     : Graph_TensorOf<"isIntElement", "integers (not i1)">;
def Graph_NumericTensor : Graph_TensorOf<"isNumericElement", "floats, integers or complex numbers">;
def Graph_RealTensor    : Graph_TensorOf<"isRealElement", "floats or integers">;
def Graph_BoolTensor    : Graph_TensorOf<"isBoolElement", "i1">;
def Graph_IndexTensor   : Graph_TensorOf<"isIndexElement", "i32 or i64 indices">;

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

def Graph_InferSizesOpInterface : OpInterface<"InferSizesOpInterface"> {
  let cppNamespace = "::cameo::graph";
  let description = [{
    Infers result types from operands and attributes, reporting provably wrong sizes through
    `reporter.error` and conditions that only the launch can decide through `reporter.require`.
    Ops whose result sizes are stated rather than inferred (reshape, broadcast, resize) check the
    statement and return the stated type.
  }];
  let methods = [
    InterfaceMethod<"Infers the types of all results from this op's operands and attributes.",
      "::llvm::LogicalResult", "inferOwnSizes",
      (ins "::cameo::graph::SizeReporter &":$reporter,
           "::llvm::SmallVectorImpl<::mlir::Type> &":$results)>
  ];
  let verify = "return ::cameo::graph::detail::verifyInferredSizes($_op);";
}

// An op of the dialect. `inferSizes` (one static function an op, in the family's .cpp) is the only
// place that knows how result sizes follow from operands.
class Graph_OpBase<string mnemonic, list<Trait> traits = []>
    : Op<Graph_Dialect, mnemonic,
         !listconcat(traits, [Pure, DeclareOpInterfaceMethods<Graph_InferSizesOpInterface>])> {
  code inferSizesDeclaration = [{
    /// Appends the type of each result, inferred from operands and attributes.
    static ::llvm::LogicalResult inferSizes(Adaptor adaptor,
                                            ::cameo::graph::SizeReporter &reporter,
                                            ::llvm::SmallVectorImpl<::mlir::Type> &results);
  }];
  code inferOwnSizesDefinition = [{
    ::llvm::LogicalResult $cppClass::inferOwnSizes(
        ::cameo::graph::SizeReporter &reporter, ::llvm::SmallVectorImpl<::mlir::Type> &results) {
      return inferSizes(Adaptor(*this), reporter, results);
    }
  }];
}

// An op whose result types follow entirely from operands and attributes: it has builders without
// result types (which must only be used where inference cannot fail).
class Graph_InferredOp<string mnemonic, list<Trait> traits = []>
    : Graph_OpBase<mnemonic, !listconcat(traits, [InferTypeOpAdaptorWithIsCompatible])> {
  code extraDeclaration = "";
  let extraClassDeclaration = inferSizesDeclaration # extraDeclaration;
  let extraClassDefinition = inferOwnSizesDefinition # [{
    ::llvm::LogicalResult $cppClass::inferReturnTypes(
        ::mlir::MLIRContext *, std::optional<::mlir::Location> location, Adaptor adaptor,
        ::llvm::SmallVectorImpl<::mlir::Type> &results) {
      return ::cameo::graph::detail::withDiagnostics(
          location, [&](::cameo::graph::SizeReporter &reporter) {
            return inferSizes(adaptor, reporter, results);
          });
    }
    // The sizes interface compares the types, with a better message.
    bool $cppClass::isCompatibleReturnTypes(::mlir::TypeRange, ::mlir::TypeRange) { return true; }
  }];
}

// An op whose result type says part of what it does (a reshape's sizes, a cast's element type).
// `inferSizes` sees the stated type as the op's first result.
class Graph_StatedOp<string mnemonic, list<Trait> traits = []>
    : Op<Graph_Dialect, mnemonic,
         !listconcat(traits, [Pure, DeclareOpInterfaceMethods<Graph_InferSizesOpInterface>])> {
}

#endif // CAMEO_DIALECT_GRAPH_IR_GRAPHBASE_TD
