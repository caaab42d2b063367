// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See the header. Memory outside the operands is poisoned by the machine; pitch gaps and what lies before
// an operand hold NaN that may not reach a result.
#include "GemmHarness.h"

#include "cameo/Conversion/KernelToNVVM/KernelToNVVM.h"
#include "cameo/Conversion/NVVMToPTX/NVVMToPTX.h"
#include "cameo/Dialect/Kernel/IR/Kernel.h"
#include "cameo/Ptx/cameo_ptx.h"
#include "cameo/Stage/Stage.h"
#include "cameo/Support/SizeExpr.h"
#include "cameo/Transforms/Kernel/Kernel.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/APFloat.h"

#include <cmath>
#include <cstring>
#include <random>

using namespace mlir;

namespace cameo::test {
namespace {

const char *nameOf(Element element) {
  constexpr const char *names[] = {"f32", "f64", "i32", "f16", "bf16"};
  return names[unsigned(element)];
}
bool isHalf(Element element) { return element == Element::F16 || element == Element::BF16; }
size_t bytesOf(Element element) { return isHalf(element) ? 2 : element == Element::F64 ? 8 : 4; }

//===----------------------------------------------------------------------===//
// Elements in memory
//===----------------------------------------------------------------------===//

const llvm::fltSemantics &semanticsOf(Element element) {
  return element == Element::F16    ? APFloat::IEEEhalf()
         : element == Element::BF16 ? APFloat::BFloat()
         : element == Element::F64  ? APFloat::IEEEdouble()
                                    : APFloat::IEEEsingle();
}

void store(Element element, double value, char *at) {
  if (element == Element::I32) {
    int32_t integer = int32_t(value);
    std::memcpy(at, &integer, 4);
    return;
  }
  APFloat rounded(value);
  bool lost;
  rounded.convert(semanticsOf(element), APFloat::rmNearestTiesToEven, &lost);
  uint64_t bits = rounded.bitcastToAPInt().getZExtValue();
  std::memcpy(at, &bits, bytesOf(element));
}

double load(Element element, const char *at) {
  if (element == Element::I32) {
    int32_t integer;
    std::memcpy(&integer, at, 4);
    return integer;
  }
  uint64_t bits = 0;
  std::memcpy(&bits, at, bytesOf(element));
  APFloat value(semanticsOf(element), APInt(bytesOf(element) * 8, bits));
  bool lost;
  value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
  return value.convertToDouble();
}

//===----------------------------------------------------------------------===//
// The reference body
//===----------------------------------------------------------------------===//

/// Size arguments: b0 b1 m n k, then offset and strides (b0, b1, first, second) of a, b and c.
enum Size { B0, B1, M, N, K, OffsetA, StridesA, OffsetB = StridesA + 4, StridesB, OffsetC = StridesB + 4, StridesC, SizeCount = StridesC + 4 };

std::string stride(Run run, int first, int dim) {
  bool one = (run == Run::First && dim == 2) || (run == Run::Second && dim == 3);
  return one ? "%c1" : "%s" + std::to_string(first + dim);
}
std::string strides(Run run, int first) {
  std::string text;
  for (int dim = 0; dim < 4; ++dim)
    text += (dim ? ", " : "") + stride(run, first, dim);
  return text;
}

std::string gatheredView(const std::string &type) {
  // Row k of b is row k - 1 of the buffer, zero for k = 0.
  bool integer = type == "i32";
  return "  %zero = arith.constant " + std::string(integer ? "0 : " : "0.0 : ") + type + R"(
  %bv = kernel.computed_view sizes(%s0, %s1, %s4, %s3) {
  ^bb0(%x0: index, %x1: index, %x2: index, %x3: index):
    %row = arith.subi %x2, %c1 : index
    %ok = arith.cmpi sge, %row, %c0 : index
    %p0 = arith.muli %x0, %s)" + std::to_string(StridesB) + R"( : index
    %p1 = arith.muli %x1, %s)" + std::to_string(StridesB + 1) + R"( : index
    %p2 = arith.muli %row, %s)" + std::to_string(StridesB + 2) + R"( : index
    %q0 = arith.addi %p0, %p1 : index
    %q1 = arith.addi %q0, %p2 : index
    %q2 = arith.addi %q1, %x3 : index
    %q3 = arith.addi %q2, %s)" + std::to_string(OffsetB) + R"( : index
    %e = kernel.read %b[%q3] if %ok else %zero : tensor<?x)" + type + R"(>
    kernel.yield %e : )" + type + R"(
  } : tensor<?x?x?x?x)" + type + ">\n";
}

std::string referenceBody(const GemmProgram &program) {
  std::string type = nameOf(program.element), sum = isHalf(program.element) ? "f32" : type;
  bool integer = program.element == Element::I32;
  std::string flat = "tensor<?x" + type + ">", four = "tensor<?x?x?x?x" + type + ">", sums = "tensor<?x?x?x?x" + sum + ">";
  std::string sizes;
  for (int i = 0; i < SizeCount; ++i)
    sizes += (i ? ", %s" : "%s") + std::to_string(i) + ": index";
  std::string text = "#a = affine_map<(d0,d1,d2,d3,d4) -> (d0,d1,d2,d4)>\n#b = affine_map<(d0,d1,d2,d3,d4) -> (d0,d1,d4,d3)>\n"
                     "#c = affine_map<(d0,d1,d2,d3,d4) -> (d0,d1,d2,d3)>\n#i = affine_map<(d0,d1,d2,d3) -> (d0,d1,d2,d3)>\n"
                     "#n = affine_map<(d0,d1,d2,d3) -> (d3)>\n"
                     "kernel.func @gemm(%a: " + flat + ", %b: " + flat + ", %bias: " + flat + ", %res: " + flat + ") outs(%c: " + flat +
                     ") sizes(" + sizes + ") attributes {family = \"gemm\"" +
                     (program.f32.empty() ? "" : ", kernel.f32 = \"" + program.f32 + "\"") + "} {\n"
                     "  %c0 = arith.constant 0 : index\n  %c1 = arith.constant 1 : index\n";
  auto view = [&](std::string name, std::string buffer, int offset, std::string dims, Run run) {
    return "  %" + name + " = kernel.strided_view %" + buffer + " offset(%s" + std::to_string(offset) + ") sizes(" + dims +
           ") strides(" + strides(run, offset + 1) + ") : " + flat + " -> " + four + "\n";
  };
  text += view("av", "a", OffsetA, "%s0, %s1, %s2, %s4", program.a);
  text += program.gatherB ? gatheredView(type) : view("bv", "b", OffsetB, "%s0, %s1, %s4, %s3", program.b);
  text += view("cv", "c", OffsetC, "%s0, %s1, %s2, %s3", Run::Second);
  text += "  %init = arith.constant " + std::string(integer ? "0" : "0.0") + " : " + sum + "\n";
  text += "  %empty = tensor.empty(%s0, %s1, %s2, %s3) : " + sums + "\n";
  text += "  %fill = linalg.fill ins(%init : " + sum + ") outs(%empty : " + sums + ") -> " + sums + "\n";
  text += "  %p = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = [\"parallel\", \"parallel\", \"parallel\", \"parallel\", "
          "\"reduction\"]} ins(%av, %bv : " + four + ", " + four + ") outs(%fill : " + sums + ") {\n  ^bb0(%x: " + type + ", %y: " + type +
          ", %z: " + sum + "):\n";
  if (integer)
    text += "    %t = arith.muli %x, %y : i32\n    %u = arith.addi %z, %t : i32\n";
  else if (isHalf(program.element))
    text += "    %xe = arith.extf %x : " + type + " to f32\n    %ye = arith.extf %y : " + type + " to f32\n    %u = math.fma %xe, %ye, %z : f32\n";
  else
    text += "    %u = math.fma %x, %y, %z : " + type + "\n";
  text += "    linalg.yield %u : " + sum + "\n  } -> " + sums + "\n";
  std::string last = "%p";
  if (program.epilogue || sum != type) {
    text += "  %biasv = kernel.strided_view %bias offset(%c0) sizes(%s3) strides(%c1) : " + flat + " -> tensor<?x" + type + ">\n";
    text += view("resv", "res", OffsetC, "%s0, %s1, %s2, %s3", Run::Second);
    text += "  %oe = tensor.empty(%s0, %s1, %s2, %s3) : " + four + "\n";
    text += "  %o = linalg.generic {indexing_maps = [#i, #n, #i, #i], iterator_types = [\"parallel\", \"parallel\", \"parallel\", \"parallel\"]} ins(%p, "
            "%biasv, %resv : " + sums + ", tensor<?x" + type + ">, " + four + ") outs(%oe : " + four + ") {\n  ^bb0(%x: " + sum + ", %y: " + type +
            ", %r: " + type + ", %z: " + type + "):\n";
    std::string value = "%x";
    if (program.epilogue) {
      std::string y = "%y", r = "%r";
      if (sum != type) {
        text += "    %ye = arith.extf %y : " + type + " to f32\n    %re = arith.extf %r : " + type + " to f32\n";
        y = "%ye", r = "%re";
      }
      std::string add = integer ? "arith.addi" : "arith.addf", max = integer ? "arith.maxsi" : "arith.maximumf";
      text += "    %s = " + add + " %x, " + y + " : " + sum + "\n    %k = " + max + " %s, %init : " + sum + "\n    %w = " + add + " %k, " + r + " : " + sum + "\n";
      value = "%w";
    }
    if (sum != type) {
      text += "    %cast = arith.truncf " + value + " : f32 to " + type + "\n";
      value = "%cast";
    }
    text += "    linalg.yield " + value + " : " + type + "\n  } -> " + four + "\n";
    last = "%o";
  }
  return text + "  kernel.write " + last + ", %cv : " + four + ", " + four + "\n  kernel.end\n}\n";
}

//===----------------------------------------------------------------------===//
// Compile
//===----------------------------------------------------------------------===//

struct VariantInfo {
  std::string name, entry, guard;
  std::array<std::string, 3> grid;
  uint32_t threads, sharedBytes;
  bool index64;
  std::vector<int32_t> align;
};

class Compiled : public CompiledGemm {
public:
  Compiled(GemmProgram program, std::string text, std::vector<VariantInfo> variants)
      : program(program), text(std::move(text)), variants(std::move(variants)) {}
  ~Compiled() override { api->module_destroy(module); }

  std::string parse() {
    cameo_ptx_text *errors = nullptr;
    if (api->module_parse(text.data(), text.size(), "gemm.ptx", &module, &errors) == CAMEO_PTX_OK)
      return "";
    std::string message = api->text_data(errors);
    api->text_destroy(errors);
    return message;
  }

  const std::string &ptx() const override { return text; }
  GemmReport run(const GemmSizes &sizes, unsigned seed) override;

private:
  std::string launch(const VariantInfo &variant, const std::vector<int64_t> &arguments, GemmReport &report);
  std::string compare(const std::vector<int64_t> &s, const GemmSizes &sizes);

  const cameo_ptx_api_v1 *api = cameo_ptx_api(1);
  GemmProgram program;
  std::string text;
  std::vector<VariantInfo> variants;
  cameo_ptx_module *module = nullptr;
  std::vector<char> host[5]; ///< a, b, bias, res, c
};

VariantInfo describe(kernel::VariantOp variant) {
  VariantInfo info{variant.getSymName().str(), variant.getEntryName(), variant.getGuard().str(), {}, uint32_t(variant.getThreads()),
                   uint32_t(variant.getSharedBytes()), variant.getIndex64(), {}};
  for (auto [text, extent] : llvm::zip(info.grid, variant.getGrid().getAsRange<StringAttr>()))
    text = extent.getValue().str();
  for (unsigned i = 0; i < variant.getFunc().getNumBuffers(); ++i)
    info.align.push_back(variant.getAlignOf(i));
  return info;
}

//===----------------------------------------------------------------------===//
// Run
//===----------------------------------------------------------------------===//

int64_t evaluate(const std::string &text, const std::vector<int64_t> &sizes) {
  auto lookup = [&](std::string_view name) -> std::optional<int64_t> { return sizes[std::stoi(std::string(name.substr(1)))]; };
  return SizeExpr::parse(text)->evaluate(lookup).value();
}

/// Strides of a batch of matrices of which one dimension is contiguous; `Neither`: every second element.
void fillStrides(std::vector<int64_t> &s, int at, Run run, const GemmSizes &z, int64_t first, int64_t second) {
  int64_t step = run == Run::Neither ? 2 : 1;
  int64_t pitch = (run == Run::First ? first : second) * step + z.gap;
  s[at + 2] = run == Run::First ? 1 : pitch;
  s[at + 3] = run == Run::First ? pitch : step;
  int64_t matrix = pitch * std::max<int64_t>(1, run == Run::First ? second : first);
  s[at + 1] = matrix;
  s[at] = matrix * z.b1;
}

std::vector<int64_t> arguments(const GemmProgram &program, const GemmSizes &z) {
  std::vector<int64_t> s(SizeCount);
  s[B0] = z.b0, s[B1] = z.b1, s[M] = z.m, s[N] = z.n, s[K] = z.k;
  s[OffsetA] = s[OffsetB] = s[OffsetC] = z.offset;
  fillStrides(s, StridesA, program.a, z, z.m, z.k);
  fillStrides(s, StridesB, program.gatherB ? Run::Second : program.b, z, z.k, z.n);
  fillStrides(s, StridesC, Run::Second, z, z.m, z.n);
  if (z.broadcastB)
    s[StridesB] = s[StridesB + 1] = 0;
  return s;
}

/// The element's position in its buffer.
int64_t position(const std::vector<int64_t> &s, int offset, int64_t b0, int64_t b1, int64_t i, int64_t j) {
  return s[offset] + b0 * s[offset + 1] + b1 * s[offset + 2] + i * s[offset + 3] + j * s[offset + 4];
}

GemmReport Compiled::run(const GemmSizes &sizes, unsigned seed) {
  GemmReport report;
  std::vector<int64_t> s = arguments(program, sizes);
  std::mt19937 random(seed);
  auto extent = [&](int offset, int64_t rows, int64_t cols) {
    return rows && cols ? position(s, offset, sizes.b0 - 1, sizes.b1 - 1, rows - 1, cols - 1) + 1 : s[offset];
  };
  int64_t rowsB = program.gatherB ? std::max<int64_t>(sizes.k - 1, 0) : sizes.k;
  int64_t elements[] = {extent(OffsetA, sizes.m, sizes.k), extent(OffsetB, rowsB, sizes.n), sizes.n,
                        extent(OffsetC, sizes.m, sizes.n), extent(OffsetC, sizes.m, sizes.n)};
  size_t bytes = bytesOf(program.element);
  for (int buffer = 0; buffer < 5; ++buffer) {
    host[buffer].resize(elements[buffer] * bytes);
    for (int64_t i = 0; i < elements[buffer]; ++i) {
      bool integer = program.element == Element::I32;
      double value = integer ? double(int(random() % 201) - 100) : (double(random() % 4001) - 2000) / 1000;
      store(program.element, value, host[buffer].data() + i * bytes);
    }
  }
  for (const VariantInfo &variant : variants) {
    if (!evaluate(variant.guard, s))
      continue;
    report.variants.push_back(variant.name);
    std::string error = launch(variant, s, report);
    if (error.empty())
      error = compare(s, sizes);
    if (!error.empty()) {
      report.error = variant.name + ": " + error;
      break;
    }
  }
  return report;
}

std::string Compiled::launch(const VariantInfo &variant, const std::vector<int64_t> &s, GemmReport &report) {
  cameo_ptx_memory *memory = nullptr;
  api->memory_create(0, &memory);
  std::vector<uint64_t> pointers(5);
  const char *names[] = {"a", "b", "bias", "res", "c"};
  for (int i = 0; i < 5; ++i) {
    // Exactly as aligned as the variant asks: one element more would hide a missing demand.
    uint64_t align = std::max<uint64_t>(bytesOf(program.element), variant.align[i]);
    api->memory_alloc(memory, host[i].size(), align, names[i], &pointers[i]);
    if (i < 4)
      api->memory_write(memory, pointers[i], host[i].data(), host[i].size());
  }
  std::vector<char> packed(5 * 8 + s.size() * 8);
  std::memcpy(packed.data(), pointers.data(), 40);
  for (size_t i = 0; i < s.size(); ++i) {
    int32_t narrow = int32_t(s[i]);
    if (variant.index64)
      std::memcpy(packed.data() + 40 + i * 8, &s[i], 8);
    else
      std::memcpy(packed.data() + 40 + i * 4, &narrow, 4);
  }
  uint32_t index = 0;
  std::string error;
  cameo_ptx_launch launch = {};
  launch.struct_size = sizeof launch;
  for (int i = 0; i < 3; ++i)
    launch.grid[i] = uint32_t(evaluate(variant.grid[i], s));
  launch.block[0] = variant.threads;
  launch.block[1] = launch.block[2] = 1;
  launch.dynamic_shared_bytes = variant.sharedBytes;
  launch.args = packed.data();
  launch.arg_bytes = packed.size();
  launch.checks = CAMEO_PTX_CHECK_ALL;
  launch.counts = 1;
  if (api->module_find(module, variant.entry.c_str(), &index) != CAMEO_PTX_OK) {
    error = "no entry " + variant.entry;
  } else if (launch.grid[0] && launch.grid[1]) {
    cameo_ptx_result *result = nullptr;
    cameo_ptx_status status = api->launch(module, index, memory, &launch, &result);
    if (status != CAMEO_PTX_OK)
      error = "launch status " + std::to_string(status) + ": " + (result ? api->result_text(result) : "");
    cameo_ptx_counts counts = {};
    counts.struct_size = sizeof counts;
    if (result && api->result_counts(result, &counts) == CAMEO_PTX_OK) {
      report.instructions += counts.thread_instructions;
      report.fma += counts.fma;
    }
    api->result_destroy(result);
    api->memory_read(memory, pointers[4], host[4].data(), host[4].size());
  }
  api->memory_destroy(memory);
  return error;
}

std::string Compiled::compare(const std::vector<int64_t> &s, const GemmSizes &z) {
  Element element = program.element;
  size_t bytes = bytesOf(element);
  std::vector<double> values[5];
  for (int buffer = 0; buffer < 5; ++buffer)
    for (size_t i = 0; i < host[buffer].size(); i += bytes)
      values[buffer].push_back(load(element, host[buffer].data() + i));
  auto at = [&](int buffer, int64_t i) { return values[buffer][i]; };
  double unit = element == Element::F64 ? 0x1p-53 : element == Element::I32 ? 0 : 0x1p-24;
  double out = element == Element::F16 ? 0x1p-11 : element == Element::BF16 ? 0x1p-8 : unit;
  for (int64_t b0 = 0; b0 < z.b0; ++b0)
    for (int64_t b1 = 0; b1 < z.b1; ++b1)
      for (int64_t m = 0; m < z.m; ++m)
        for (int64_t n = 0; n < z.n; ++n) {
          double sum = 0, magnitude = 0;
          for (int64_t k = 0; k < z.k; ++k) {
            int64_t row = program.gatherB ? k - 1 : k;
            if (row < 0)
              continue;
            double a = at(0, position(s, OffsetA, b0, b1, m, k)), b = at(1, position(s, OffsetB, b0, b1, row, n));
            sum += a * b;
            magnitude += std::abs(a * b);
          }
          int64_t place = position(s, OffsetC, b0, b1, m, n);
          if (program.epilogue) {
            sum = std::max(sum + at(2, n), 0.0) + at(3, place);
            magnitude += std::abs(at(2, n)) + std::abs(at(3, place));
          }
          double bound = 2 * double(z.k + 8) * unit * magnitude + 2 * out * std::abs(sum), got = at(4, place);
          if (program.f32 == "tf32") // both factors rounded to eleven bits
            bound += 0x1p-10 * magnitude;
          if (element == Element::I32)
            sum = int32_t(int64_t(sum)), bound = 0;
          if (!(std::abs(got - sum) <= bound))
            return "c[" + std::to_string(b0) + "," + std::to_string(b1) + "," + std::to_string(m) + "," + std::to_string(n) + "] is " +
                   std::to_string(got) + ", not " + std::to_string(sum);
        }
  return "";
}

MLIRContext &sharedContext() {
  static MLIRContext *context = [] {
    DialectRegistry registry;
    registry.insert<kernel::KernelDialect, cf::ControlFlowDialect, gpu::GPUDialect, LLVM::LLVMDialect, NVVM::NVVMDialect,
                    ub::UBDialect, vector::VectorDialect>();
    registerPtxTranslations(registry);
    auto *made = new MLIRContext(registry, MLIRContext::Threading::DISABLED);
    made->loadAllAvailableDialects();
    return made;
  }();
  return *context;
}

} // namespace

std::unique_ptr<CompiledGemm> CompiledGemm::compile(const GemmProgram &program, std::string &error) {
  MLIRContext &context = sharedContext();
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    llvm::raw_string_ostream(error) << diagnostic << "\n";
    return success();
  });
  std::string body = referenceBody(program);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(body, &context);
  if (!module) {
    error += body;
    return nullptr;
  }
  std::vector<VariantInfo> variants;
  for (auto kernel : module->getOps<kernel::FuncOp>()) {
    if (failed(kernel::scheduleKernel(kernel, portableTarget())))
      return nullptr;
    for (kernel::VariantOp variant : kernel.getVariantOps()) {
      if (failed(kernel::stageGemm(variant)) || failed(kernel::assignLayouts(variant)) || failed(kernel::resolveStaged(variant)))
        return nullptr;
      variants.push_back(describe(variant));
    }
  }
  if (failed(verify(*module)))
    return nullptr;
  FailureOr<gpu::GPUModuleOp> converted = kernel::convertKernelsToNVVM(*module);
  if (failed(converted))
    return nullptr;
  FailureOr<std::string> ptx = emitPtx(*converted, portableTarget());
  if (failed(ptx))
    return nullptr;
  auto compiled = std::make_unique<Compiled>(program, *ptx, variants);
  error = compiled->parse();
  if (!error.empty())
    return nullptr;
  return compiled;
}

} // namespace cameo::test
