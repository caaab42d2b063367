// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Modules: parsing to the end with all errors, kernels and their parameters, variables in memory.
#include "ModuleImpl.h"

#include <algorithm>
#include <cstring>

namespace cameo::ptx {

static constexpr uint64_t mostParameterBytes = 32764;

/// False, if they are more than a kernel takes.
static bool describeParameters(Kernel &kernel) {
  uint64_t offset = 0;
  for (const Variable &p : kernel.function->params) {
    offset = (offset + p.align - 1) & ~uint64_t(p.align - 1);
    if (offset + p.bytes > mostParameterBytes)
      return false;
    kernel.params.push_back({std::string(p.name), static_cast<uint32_t>(offset),
                             static_cast<uint32_t>(p.bytes), p.align, p.pointer});
    offset += p.bytes;
  }
  kernel.argBytes = static_cast<uint32_t>(offset);
  return true;
}

std::shared_ptr<ModuleImpl> ModuleImpl::parse(std::string_view text, const char *file,
                                              std::string &errors, bool &unsupported) {
  auto module = std::make_shared<ModuleImpl>();
  module->self = module;
  module->text = std::string(text);
  module->file = file && *file ? file : "<ptx>";
  module->lineStart.push_back(0);
  for (size_t i = 0; i < module->text.size(); ++i)
    if (module->text[i] == '\n')
      module->lineStart.push_back(i + 1);
  std::vector<Diagnostic> diagnostics;
  module->ast = parseModule(module->text, diagnostics);
  if (diagnostics.empty())
    for (const Function &f : module->ast.functions) {
      if (!f.isEntry || f.isDeclaration)
        continue;
      auto kernel = std::make_unique<Kernel>();
      kernel->function = &f;
      kernel->name = std::string(f.name);
      if (!describeParameters(*kernel))
        diagnostics.push_back({f.line, "more than " + std::to_string(mostParameterBytes) + " bytes of parameters", false});
      std::call_once(kernel->decoded[1], [&] {
        kernel->programs[1] = decodeKernel(module->ast, f, Policy{true, false}, diagnostics);
      });
      module->kernels.push_back(std::move(kernel));
    }
  if (diagnostics.empty())
    return module;
  std::sort(diagnostics.begin(), diagnostics.end(), [](const Diagnostic &a, const Diagnostic &b) {
    return a.line != b.line ? a.line < b.line : a.message < b.message;
  });
  unsupported = true;
  std::string previous;
  for (const Diagnostic &d : diagnostics) {
    unsupported = unsupported && d.unsupported;
    // Names come from the text and may be of any length.
    std::string message = d.message.size() > 400 ? d.message.substr(0, 397) + "..." : d.message;
    std::string line = module->file + ":" + std::to_string(d.line) + ": " + message + "\n";
    if (line != previous) // a function that several kernels call is decoded for each
      errors += line;
    previous = line;
  }
  return nullptr;
}

const Program &ModuleImpl::program(Kernel &kernel, Policy policy) {
  unsigned index = policy.counts ? 2 : policy.checks ? 1 : 0;
  std::call_once(kernel.decoded[index], [&] {
    std::vector<Diagnostic> none; // what is decoded twice was accepted once
    kernel.programs[index] = decodeKernel(ast, *kernel.function, policy, none);
  });
  return *kernel.programs[index];
}

std::string ModuleImpl::lineText(uint32_t line) const {
  if (line == 0 || line > lineStart.size())
    return "";
  size_t begin = lineStart[line - 1];
  size_t end = line < lineStart.size() ? lineStart[line] - 1 : text.size();
  std::string out = text.substr(begin, end - begin);
  if (size_t comment = out.find("//"); comment != std::string::npos)
    out.resize(comment);
  size_t first = out.find_first_not_of(" \t");
  if (first == std::string::npos)
    return "";
  out = out.substr(first, out.find_last_not_of(" \t\r") - first + 1);
  if (out.size() > 200)
    out = out.substr(0, 200) + "...";
  return out;
}

std::string ModuleImpl::locationText(uint32_t location, uint32_t line) const {
  std::string out;
  if (location) {
    const SourceLocation &l = ast.locations[location - 1];
    auto name = ast.files.find(l.file);
    out = (name == ast.files.end() ? std::to_string(l.file) : std::string(name->second)) + ":" +
          std::to_string(l.line) + ":" + std::to_string(l.column);
  }
  auto comment = ast.comments.find(line);
  if (comment != ast.comments.end())
    out += (out.empty() ? "" : " ") + std::string(comment->second);
  return out;
}

bool ModuleImpl::instantiate(DeviceMemory &memory, std::vector<uint64_t> &addresses,
                             std::string &error) {
  std::shared_ptr<const void> key = self.lock();
  for (auto it = memory.instances.begin(); it != memory.instances.end();) {
    if (it->module.lock() == key) {
      addresses = it->addresses;
      return true;
    }
    if (!it->module.expired()) {
      ++it;
      continue;
    }
    for (uint64_t address : it->addresses) // its module is gone
      if (address)
        memory.free(address);
    it = memory.instances.erase(it);
  }
  addresses.assign(ast.variables.size(), 0);
  for (size_t i = 0; i < ast.variables.size(); ++i) {
    const Variable &v = ast.variables[i];
    if (v.space != Space::Global && v.space != Space::Const)
      continue;
    std::string name(v.name);
    // What the initialiser does not say is zero.
    if (memory.alloc(v.bytes, std::max<uint64_t>(v.align, 16), name.c_str(), addresses[i], true) !=
        MemoryStatus::Ok) {
      error = "no memory for variable '" + name + "' of " + std::to_string(v.bytes) + " bytes";
      return false;
    }
    memory.write(addresses[i], v.data.data(), v.data.size());
    if (v.space == Space::Const)
      if (Allocation *made = memory.find(addresses[i]))
        made->readOnly = made->constant = true;
  }
  std::unordered_map<std::string_view, uint64_t> places;
  for (size_t i = 0; i < ast.functions.size(); ++i)
    if (!ast.functions[i].isDeclaration)
      places[ast.functions[i].name] = functionAddress(i);
  for (size_t i = 0; i < ast.variables.size(); ++i)
    places[ast.variables[i].name] = addresses[i];
  for (size_t i = 0; i < ast.variables.size(); ++i)
    for (const Variable::Reference &r : ast.variables[i].references) {
      uint64_t value = places[r.symbol] + static_cast<uint64_t>(r.addend);
      memory.write(addresses[i] + r.offset, &value, std::min<uint32_t>(r.bytes, 8));
    }
  memory.instances.push_back({key, addresses});
  return true;
}

} // namespace cameo::ptx
