// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Views over flat buffers, and the ops of a block program that move and combine tiles.
#ifndef CAMEO_DIALECT_KERNEL_IR_KERNELTILEOPS
#define CAMEO_DIALECT_KERNEL_IR_KERNELTILEOPS

include "cameo/Dialect/Kernel/IR/KernelAttrs.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Kernel_Buffer : RankedTensorOf<[AnyType]>;
def Kernel_Tile : StaticShapeTensorOf<[AnyType]>;

def Kernel_StridedViewOp : Kernel_Op<"strided_view", [Pure, AttrSizedOperandSegments]> {
  let summary = "A buffer seen as a tensor with sizes and strides";
  let description = [{
    Element (i, j, ...) of the view is element `offset + i*stride0 + j*stride1 + ...` of the buffer.
    `facts` may hold `div = array<i64: ...>`, a divisor of each stride known at compile time.
    Example:
    `%v = kernel.strided_view %x offset(%c0) sizes(%m, %n) strides(%n, %c1) : tensor<?xf32> -> tensor<?x?xf32>`.
  }];
  let arguments = (ins Kernel_Buffer:$buffer, Index:$offset, Variadic<Index>:$sizes,
                       Variadic<Index>:$strides, OptionalAttr<DictionaryAttr>:$facts);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $buffer `offset` `(` $offset `)` `sizes` `(` $sizes `)` `strides` `(` $strides `)` attr-dict
    `:` type($buffer) `->` type($result)
  }];
  let hasVerifier = 1;
  let builders = [
    /// The result's dims are dynamic unless the size is a constant.
    OpBuilder<(ins "::mlir::Value":$buffer, "::mlir::Value":$offset, "::mlir::ValueRange":$sizes,
                   "::mlir::ValueRange":$strides)>];
}

def Kernel_ComputedViewOp : Kernel_Op<"computed_view", [Pure, AttrSizedOperandSegments,
    SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "A tensor whose elements are computed from their coordinates";
  let description = [{
    The region takes one index per dimension and yields the element. Inside: arith, math and
    `kernel.read`; values from outside may be used. A view that yields one `kernel.read` directly is an
    indexed view. `runs(%c) along d` states of an indexed view, for every r that divides %c: r elements
    along d, from a multiple of r on, lie side by side in memory, the first at a multiple of r, and are
    all read or none. A copy may then take them at once.
    Example:
    ```mlir
    %g = kernel.computed_view sizes(%n) {
    ^bb0(%i: index):
      %e = kernel.read %x[%i] : tensor<?xf32>
      kernel.yield %e : f32
    } : tensor<?xf32>
    ```
  }];
  let arguments = (ins Variadic<Index>:$sizes, Optional<Index>:$runs, OptionalAttr<I64Attr>:$run_dim);
  let regions = (region SizedRegion<1>:$body);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    `sizes` `(` $sizes `)` (`runs` `(` $runs^ `)` `along` $run_dim)? $body attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [
    /// `body` gets the builder and the coordinates and returns the element.
    OpBuilder<(ins "::mlir::Type":$elementType, "::mlir::ValueRange":$sizes,
      "::llvm::function_ref<::mlir::Value(::mlir::OpBuilder &, ::mlir::Location, ::mlir::ValueRange)>":$body)>];
  let extraClassDeclaration = [{
    /// The one read that the region yields directly, or null.
    ReadOp getIndexedRead();
    /// Whether memory runs along `dim`, in runs of a length that getRuns() is a multiple of.
    bool runsAlong(int64_t dim) { return getRunDim() && int64_t(*getRunDim()) == dim; }
    void setRuns(::mlir::Value length, int64_t dim);
  }];
}

def Kernel_YieldOp : Kernel_Op<"yield", [Pure, Terminator,
    ParentOneOf<["ComputedViewOp", "ScatterOp", "ReduceOp", "ScanOp"]>]> {
  let summary = "Values of a region of a kernel op";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
  let builders = [OpBuilder<(ins), [{ (void)$_state; }]>];
}

def Kernel_ReadOp : Kernel_Op<"read", [Pure, AttrSizedOperandSegments]> {
  let summary = "One element of a buffer that the kernel only reads";
  let description = [{
    The index must be within the buffer; with `if %ok else %pad` only where %ok holds, and elsewhere the
    result is %pad and memory is not touched.
    Example: `%e = kernel.read %x[%i] if %ok else %zero : tensor<?xf32>`.
  }];
  let arguments = (ins Kernel_Buffer:$buffer, Index:$index, Optional<I1>:$ok, Optional<AnyType>:$pad);
  let results = (outs AnyType:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [
    OpBuilder<(ins "::mlir::Value":$buffer, "::mlir::Value":$index)>,
    OpBuilder<(ins "::mlir::Value":$buffer, "::mlir::Value":$index, "::mlir::Value":$ok,
                   "::mlir::Value":$pad)>];
}

def Kernel_WriteOp : Kernel_Op<"write", [MemoryEffects<[MemWrite]>]> {
  let summary = "Writes a whole tensor of a reference body to a view of an outs buffer";
  let arguments = (ins AnyRankedTensor:$value, AnyRankedTensor:$view);
  let assemblyFormat = "$value `,` $view attr-dict `:` type($value) `,` type($view)";
  let hasVerifier = 1;
}

def Kernel_ScatterOp : Kernel_Op<"scatter", [MemoryEffects<[MemRead, MemWrite]>, AttrSizedOperandSegments]> {
  let summary = "Writes elements of a tensor or tile to computed positions of an outs buffer";
  let description = [{
    The `body` region takes the view coordinates of an element (tile coordinate plus `offsets`) and yields
    its linear position and optionally whether to write it. `sizes` bound the coordinates: outside them
    nothing is written. With a `combine` region the buffer's old element and the new one are combined, in
    the order of the last coordinate (which the serial family keeps sequential).
    In a reference body there are no offsets. Example:
    ```mlir
    kernel.scatter %u, %z at [] sizes(%m, %n) {
    ^bb0(%i: index, %j: index):
      %p = arith.addi %i, %j : index
      kernel.yield %p : index
    } combine {
    ^bb0(%old: f32, %new: f32):
      %s = arith.addf %old, %new : f32
      kernel.yield %s : f32
    } : tensor<?x?xf32>, tensor<?xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$value, Kernel_Buffer:$buffer, Variadic<Index>:$offsets,
                       Variadic<Index>:$sizes, OptionalAttr<Kernel_LayoutAttr>:$layout);
  let regions = (region SizedRegion<1>:$body, MaxSizedRegion<1>:$combine);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{ bool hasCombine() { return !getCombine().empty(); } }];
}

def Kernel_ScanOp : Kernel_Op<"scan", [Pure, AttrSizedOperandSegments]> {
  let summary = "A sequential recurrence along one dimension of a reference body";
  let description = [{
    For each position along `dim` in increasing order, the region takes one element of each input and the
    current state, and yields the next state followed by one element for each result. Results have the
    inputs' sizes. Example (inclusive sum):
    ```mlir
    %r = kernel.scan ins(%x : tensor<?x?xf32>) init(%zero : f32) dim = 1 {
    ^bb0(%e: f32, %sum: f32):
      %s = arith.addf %sum, %e : f32
      kernel.yield %s, %s : f32, f32
    } -> tensor<?x?xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$inputs, Variadic<AnyType>:$init, I64Attr:$dim);
  let regions = (region SizedRegion<1>:$body);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let hasVerifier = 1;
  let assemblyFormat = [{
    `ins` `(` $inputs `:` type($inputs) `)` `init` `(` $init `:` type($init) `)` `dim` `=` $dim $body
    attr-dict `->` type($results)
  }];
}

def Kernel_BlockIdOp : Kernel_Op<"block_id", [Pure]> {
  let summary = "The block's coordinate in the grid";
  let description = [{ Example: `%b = kernel.block_id x`. }];
  let arguments = (ins Kernel_BlockAxisAttr:$axis);
  let results = (outs Index:$result);
  let assemblyFormat = "$axis attr-dict";
}

def Kernel_LoadOp : Kernel_Op<"load", [Pure]> {
  let summary = "A tile of a view";
  let description = [{
    Element c of the tile is element `offsets + c` of the view; outside the view's sizes it is the pad,
    which is undefined for `none`. `vector` (set with the layout) is how many consecutive registers one
    access may fetch; with `tested` that depends on whether such runs are aligned and whole, one test for the whole tile.
    Example: `%t = kernel.load %v[%o] {pad = #kernel.pad<zero>} : tensor<?xf32> -> tensor<1024xf32>`.
  }];
  let arguments = (ins AnyRankedTensor:$view, Variadic<Index>:$offsets, Kernel_PadAttr:$pad,
                       OptionalAttr<Kernel_LayoutAttr>:$layout,
                       DefaultValuedAttr<I32Attr, "1">:$vector, UnitAttr:$tested);
  let results = (outs Kernel_Tile:$result);
  let assemblyFormat = "$view `[` $offsets `]` attr-dict `:` type($view) `->` type($result)";
  let hasVerifier = 1;
}

def Kernel_StoreOp : Kernel_Op<"store", [MemoryEffects<[MemWrite]>]> {
  let summary = "Writes a tile to a strided view; outside the view's sizes it writes nothing";
  let description = [{ `vector` and `tested` as for `kernel.load`. }];
  let arguments = (ins Kernel_Tile:$value, AnyRankedTensor:$view, Variadic<Index>:$offsets,
                       OptionalAttr<Kernel_LayoutAttr>:$layout,
                       DefaultValuedAttr<I32Attr, "1">:$vector, UnitAttr:$tested);
  let assemblyFormat = "$value `,` $view `[` $offsets `]` attr-dict `:` type($value) `,` type($view)";
  let hasVerifier = 1;
}

def Kernel_InBoundsOp : Kernel_Op<"in_bounds", [Pure, AttrSizedOperandSegments]> {
  let summary = "For each element of a tile, whether its view coordinates are within the sizes";
  let description = [{ Example: `%ok = kernel.in_bounds [%o] sizes(%n) : tensor<1024xi1>`. }];
  let arguments = (ins Variadic<Index>:$offsets, Variadic<Index>:$sizes,
                       OptionalAttr<Kernel_LayoutAttr>:$layout);
  let results = (outs Kernel_Tile:$result);
  let assemblyFormat = "`[` $offsets `]` `sizes` `(` $sizes `)` attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Kernel_ReduceOp : Kernel_Op<"reduce", [Pure]> {
  let summary = "Combines a tile's elements along some dimensions";
  let description = [{
    The region combines two partial results (all left values, then all right values); it must be
    associative and commutative, since the order is by registers, then lanes, then warps. Several values
    reduce together (arg max: value and position).
    Example:
    ```mlir
    %s = kernel.reduce %t dims = [1] {
    ^bb0(%a: f32, %b: f32):
      %r = arith.addf %a, %b : f32
      kernel.yield %r : f32
    } : tensor<4x64xf32> -> tensor<4xf32>
    ```
  }];
  let arguments = (ins Variadic<Kernel_Tile>:$inputs, DenseI64ArrayAttr:$dims,
                       OptionalAttr<Kernel_LayoutAttr>:$layout);
  let regions = (region SizedRegion<1>:$body);
  let results = (outs Variadic<Kernel_Tile>:$results);
  let assemblyFormat = "$inputs `dims` `=` $dims $body attr-dict `:` type($inputs) `->` type($results)";
  let hasVerifier = 1;
}

def Kernel_ConvertLayoutOp : Kernel_Op<"convert_layout", [Pure, SameOperandsAndResultType]> {
  let summary = "The same tile spread differently over the threads";
  let description = [{
    By shuffles where registers and lanes of a warp change places, through shared memory otherwise.
    Example: `%r = kernel.convert_layout %t {layout = #to} : tensor<64x64xf16>`.
  }];
  let arguments = (ins Kernel_Tile:$source, OptionalAttr<Kernel_LayoutAttr>:$layout);
  let results = (outs Kernel_Tile:$result);
  let assemblyFormat = "$source attr-dict `:` type($source)";
}

#endif // CAMEO_DIALECT_KERNEL_IR_KERNELTILEOPS
