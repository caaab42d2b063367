// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The way from a model to a bundle: eight stages, each named for what it leaves behind. The order of
// passes is in Stages.cpp and nowhere else; options flow one way, from CompileOptions.
#pragma once

#include "cameo/Bundle/Bundle.h"
#include "cameo/Import/Onnx.h"

#include "mlir/Pass/PassManager.h"

#include <functional>
#include <optional>
#include <string>

namespace cameo {

/// The artefacts in order; `--stop-after`, `--dump-dir` and `cameo-opt --cameo-<stage>` use the names.
enum class Stage { Import, Graph, Partition, Schedule, Stage, Emit, Ptx, Bundle };
llvm::StringRef stageName(Stage stage);
std::optional<Stage> parseStage(llvm::StringRef name);
llvm::ArrayRef<Stage> allStages();

struct CompileOptions {
  ImportOptions import;
  /// Targets to emit; the first is the portable one every bundle carries.
  std::vector<std::string> targets = {"sm_80"};
  /// How products of f32 are computed where both factors lie in memory: "fma" (the ordinary cores), "tf32x3" (three
  /// products of tf32, within the same bound, but infinite factors give NaN), "auto" (whichever of these is faster on
  /// each target) or "tf32" (factors rounded to 11 bits).
  std::string f32 = "fma";
  /// Leave IR after each stage in this folder (`<number>-<stage>.mlir`, `<target>.ptx`); empty: no.
  std::string dumpDir = {};
  /// The last stage to run.
  Stage stopAfter = Stage::Bundle;
  /// Verify the IR after every pass.
  bool verifyEach = false;
  /// Called with the name of each stage as it begins.
  std::function<void(Stage)> onStage = {};
};

/// The passes of one stage (Graph … Emit), in order.
void addStage(mlir::OpPassManager &pm, Stage stage, const CompileOptions &options);
/// Declares `--cameo-graph` … `--cameo-emit` for cameo-opt.
void registerCameoPipelines();

/// What a compilation left behind.
struct Compiled {
  std::vector<WeightFile> files;            ///< mapped files in which weights may lie
  mlir::OwningOpRef<mlir::ModuleOp> module; ///< after the last stage that ran; owns the weights
  std::vector<std::pair<std::string, std::string>> ptx; ///< (target, text), from stage ptx on
  BundleDesc bundle;                                    ///< from stage bundle on
};

/// Runs the stages from a model file (.onnx, or .mlir of any stage's input) up to `stopAfter`. On
/// failure returns nothing; the import's problems are in `problems`, everything else has been
/// reported as diagnostics of `context`.
std::optional<Compiled> compileModel(llvm::StringRef path, mlir::MLIRContext &context,
                                     const CompileOptions &options, ProblemList &problems);
/// Where a bundle has its weights: inside, or in the files that they were read from.
enum class WeightStorage {
  Automatic, ///< references above 1 GiB where the files lie below the bundle's folder, else embedded
  Embed,
  Reference,
};
/// Makes weights that lie in `files` references of a bundle to be written to `bundlePath`. Fails when
/// references are asked for and a file lies outside of the bundle's folder.
Status storeWeights(BundleDesc &desc, llvm::ArrayRef<WeightFile> files, WeightStorage storage,
                    llvm::StringRef bundlePath);

/// The same from a module in the graph dialect.
std::optional<Compiled> compileModule(mlir::OwningOpRef<mlir::ModuleOp> module,
                                      const CompileOptions &options);

} // namespace cameo
