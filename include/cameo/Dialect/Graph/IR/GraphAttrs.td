// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attributes: the sizes of a dynamic tensor, the symbols of a model, and the enumerations that name
// the variants of an op (written as keywords: `graph.unary exp`, `graph.binary add`).
#ifndef CAMEO_DIALECT_GRAPH_IR_GRAPHATTRS_TD
#define CAMEO_DIALECT_GRAPH_IR_GRAPHATTRS_TD

include "cameo/Dialect/Graph/IR/GraphBase.td"
include "mlir/IR/TensorEncoding.td"

def Graph_SizesAttr : AttrDef<Graph_Dialect, "Sizes",
    [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let mnemonic = "sizes";
  let summary = "The size of every dimension of a tensor, as canonical expressions over symbols";
  let description = [{
    One expression a dimension, static ones included. Texts are canonical (`2*N`, never `N+N`), so
    that equal texts mean equal sizes. Present exactly on tensors with a dynamic dimension.

    Example: `tensor<2x?x?xf32, #graph.sizes<["2", "N", "3*H+1"]>>`
  }];
  let parameters = (ins "::mlir::ArrayAttr":$exprs);
  let assemblyFormat = "`<` $exprs `>`";
  let genVerifyDecl = 1;
}

def Graph_SymbolAttr : AttrDef<Graph_Dialect, "Symbol"> {
  let mnemonic = "symbol";
  let summary = "Where a symbol comes from: dimension `dim` of model input `input`";
  let parameters = (ins "::mlir::StringAttr":$name, "int64_t":$input, "int64_t":$dim);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

// A keyword enumeration: consecutive values in the order of `keywords`.
class Graph_Case<string keyword, int value, string cppName>
    : I32EnumAttrCase<cppName, value, keyword>;

class Graph_Enum<string name, string text, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, text, cases> {
  let cppNamespace = "::cameo::graph";
  let genSpecializedAttr = 0;
}

class Graph_EnumAttr<I32EnumAttr enumInfo, string keyword>
    : EnumAttr<Graph_Dialect, enumInfo, keyword>;

def Graph_UnaryKind : Graph_Enum<"UnaryKind", "function of one element", [
  Graph_Case<"abs", 0, "Abs">, Graph_Case<"neg", 1, "Neg">, Graph_Case<"sign", 2, "Sign">,
  Graph_Case<"ceil", 3, "Ceil">, Graph_Case<"floor", 4, "Floor">,
  Graph_Case<"round", 5, "Round">, Graph_Case<"trunc", 6, "Trunc">,
  Graph_Case<"exp", 7, "Exp">, Graph_Case<"exp2", 8, "Exp2">, Graph_Case<"expm1", 9, "Expm1">,
  Graph_Case<"log", 10, "Log">, Graph_Case<"log2", 11, "Log2">, Graph_Case<"log1p", 12, "Log1p">,
  Graph_Case<"sqrt", 13, "Sqrt">, Graph_Case<"rsqrt", 14, "Rsqrt">,
  Graph_Case<"reciprocal", 15, "Reciprocal">,
  Graph_Case<"sin", 16, "Sin">, Graph_Case<"cos", 17, "Cos">, Graph_Case<"tan", 18, "Tan">,
  Graph_Case<"asin", 19, "Asin">, Graph_Case<"acos", 20, "Acos">, Graph_Case<"atan", 21, "Atan">,
  Graph_Case<"sinh", 22, "Sinh">, Graph_Case<"cosh", 23, "Cosh">, Graph_Case<"tanh", 24, "Tanh">,
  Graph_Case<"asinh", 25, "Asinh">, Graph_Case<"acosh", 26, "Acosh">,
  Graph_Case<"atanh", 27, "Atanh">, Graph_Case<"erf", 28, "Erf">,
  Graph_Case<"not", 29, "Not">, Graph_Case<"bit_not", 30, "BitNot">,
  Graph_Case<"is_nan", 31, "IsNan">, Graph_Case<"is_inf", 32, "IsInf">,
  Graph_Case<"relu", 33, "Relu">, Graph_Case<"leaky_relu", 34, "LeakyRelu">,
  Graph_Case<"elu", 35, "Elu">, Graph_Case<"celu", 36, "Celu">, Graph_Case<"selu", 37, "Selu">,
  Graph_Case<"gelu", 38, "Gelu">, Graph_Case<"gelu_tanh", 39, "GeluTanh">,
  Graph_Case<"sigmoid", 40, "Sigmoid">, Graph_Case<"hard_sigmoid", 41, "HardSigmoid">,
  Graph_Case<"hard_swish", 42, "HardSwish">, Graph_Case<"silu", 43, "Silu">,
  Graph_Case<"mish", 44, "Mish">, Graph_Case<"softplus", 45, "Softplus">,
  Graph_Case<"softsign", 46, "Softsign">,
  Graph_Case<"thresholded_relu", 47, "ThresholdedRelu">, Graph_Case<"shrink", 48, "Shrink">,
  Graph_Case<"identity", 49, "Identity">]>;
def Graph_UnaryKindAttr : Graph_EnumAttr<Graph_UnaryKind, "unary_kind">;

def Graph_BinaryKind : Graph_Enum<"BinaryKind", "function of two elements", [
  Graph_Case<"add", 0, "Add">, Graph_Case<"sub", 1, "Sub">, Graph_Case<"mul", 2, "Mul">,
  Graph_Case<"div", 3, "Div">, Graph_Case<"pow", 4, "Pow">, Graph_Case<"mod", 5, "Mod">,
  Graph_Case<"fmod", 6, "Fmod">, Graph_Case<"min", 7, "Min">, Graph_Case<"max", 8, "Max">,
  Graph_Case<"and", 9, "And">, Graph_Case<"or", 10, "Or">, Graph_Case<"xor", 11, "Xor">,
  Graph_Case<"bit_and", 12, "BitAnd">, Graph_Case<"bit_or", 13, "BitOr">,
  Graph_Case<"bit_xor", 14, "BitXor">, Graph_Case<"shl", 15, "Shl">, Graph_Case<"shr", 16, "Shr">,
  Graph_Case<"prelu", 17, "Prelu">,
  Graph_Case<"eq", 18, "Eq">, Graph_Case<"ne", 19, "Ne">, Graph_Case<"lt", 20, "Lt">,
  Graph_Case<"le", 21, "Le">, Graph_Case<"gt", 22, "Gt">, Graph_Case<"ge", 23, "Ge">]>;
def Graph_BinaryKindAttr : Graph_EnumAttr<Graph_BinaryKind, "binary_kind">;

def Graph_RoundMode : Graph_Enum<"RoundMode", "rounding of a cast to f8E8M0FNU", [
  Graph_Case<"up", 0, "Up">, Graph_Case<"down", 1, "Down">, Graph_Case<"nearest", 2, "Nearest">]>;
def Graph_RoundModeAttr : Graph_EnumAttr<Graph_RoundMode, "round_mode">;

def Graph_ReduceKind : Graph_Enum<"ReduceKind", "reduction", [
  Graph_Case<"sum", 0, "Sum">, Graph_Case<"prod", 1, "Prod">, Graph_Case<"max", 2, "Max">,
  Graph_Case<"min", 3, "Min">, Graph_Case<"mean", 4, "Mean">,
  Graph_Case<"sum_square", 5, "SumSquare">, Graph_Case<"l1", 6, "L1">, Graph_Case<"l2", 7, "L2">,
  Graph_Case<"log_sum", 8, "LogSum">, Graph_Case<"log_sum_exp", 9, "LogSumExp">,
  Graph_Case<"any", 10, "Any">, Graph_Case<"all", 11, "All">]>;
def Graph_ReduceKindAttr : Graph_EnumAttr<Graph_ReduceKind, "reduce_kind">;

def Graph_ArgReduceKind : Graph_Enum<"ArgReduceKind", "which extremum", [
  Graph_Case<"max", 0, "Max">, Graph_Case<"min", 1, "Min">]>;
def Graph_ArgReduceKindAttr : Graph_EnumAttr<Graph_ArgReduceKind, "arg_reduce_kind">;

def Graph_SoftmaxKind : Graph_Enum<"SoftmaxKind", "member of the softmax family", [
  Graph_Case<"softmax", 0, "Softmax">, Graph_Case<"log_softmax", 1, "LogSoftmax">,
  Graph_Case<"hardmax", 2, "Hardmax">]>;
def Graph_SoftmaxKindAttr : Graph_EnumAttr<Graph_SoftmaxKind, "softmax_kind">;

def Graph_NormalizeKind : Graph_Enum<"NormalizeKind", "normalization", [
  Graph_Case<"layer", 0, "Layer">, Graph_Case<"rms", 1, "Rms">]>;
def Graph_NormalizeKindAttr : Graph_EnumAttr<Graph_NormalizeKind, "normalize_kind">;

def Graph_CumulateKind : Graph_Enum<"CumulateKind", "running reduction", [
  Graph_Case<"sum", 0, "Sum">, Graph_Case<"prod", 1, "Prod">]>;
def Graph_CumulateKindAttr : Graph_EnumAttr<Graph_CumulateKind, "cumulate_kind">;

def Graph_PoolKind : Graph_Enum<"PoolKind", "reduction over a window", [
  Graph_Case<"max", 0, "Max">, Graph_Case<"average", 1, "Average">, Graph_Case<"lp", 2, "Lp">]>;
def Graph_PoolKindAttr : Graph_EnumAttr<Graph_PoolKind, "pool_kind">;

def Graph_PadMode : Graph_Enum<"PadMode", "what lies outside the operand", [
  Graph_Case<"constant", 0, "Constant">, Graph_Case<"edge", 1, "Edge">,
  Graph_Case<"reflect", 2, "Reflect">, Graph_Case<"wrap", 3, "Wrap">]>;
def Graph_PadModeAttr : Graph_EnumAttr<Graph_PadMode, "pad_mode">;

def Graph_ScatterKind : Graph_Enum<"ScatterKind", "how an update combines with the element", [
  Graph_Case<"set", 0, "Set">, Graph_Case<"add", 1, "Add">, Graph_Case<"mul", 2, "Mul">,
  Graph_Case<"max", 3, "Max">, Graph_Case<"min", 4, "Min">]>;
def Graph_ScatterKindAttr : Graph_EnumAttr<Graph_ScatterKind, "scatter_kind">;

def Graph_ResizeMode : Graph_Enum<"ResizeMode", "interpolation", [
  Graph_Case<"nearest", 0, "Nearest">, Graph_Case<"linear", 1, "Linear">,
  Graph_Case<"cubic", 2, "Cubic">]>;
def Graph_ResizeModeAttr : Graph_EnumAttr<Graph_ResizeMode, "resize_mode">;

def Graph_CoordinateMode : Graph_Enum<"CoordinateMode", "result coordinate to operand coordinate", [
  Graph_Case<"half_pixel", 0, "HalfPixel">,
  Graph_Case<"half_pixel_symmetric", 1, "HalfPixelSymmetric">,
  Graph_Case<"pytorch_half_pixel", 2, "PytorchHalfPixel">,
  Graph_Case<"align_corners", 3, "AlignCorners">, Graph_Case<"asymmetric", 4, "Asymmetric">,
  Graph_Case<"tf_crop_and_resize", 5, "TfCropAndResize">]>;
def Graph_CoordinateModeAttr : Graph_EnumAttr<Graph_CoordinateMode, "coordinate_mode">;

def Graph_NearestMode : Graph_Enum<"NearestMode", "rounding of a coordinate", [
  Graph_Case<"round_prefer_floor", 0, "RoundPreferFloor">,
  Graph_Case<"round_prefer_ceil", 1, "RoundPreferCeil">,
  Graph_Case<"floor", 2, "Floor">, Graph_Case<"ceil", 3, "Ceil">]>;
def Graph_NearestModeAttr : Graph_EnumAttr<Graph_NearestMode, "nearest_mode">;

#endif // CAMEO_DIALECT_GRAPH_IR_GRAPHATTRS_TD
