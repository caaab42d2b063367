// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See SimLaunch.h: the structure of the file. What buffers begin with is in SimInit.cpp.

#include "SimLaunch.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace llvm;

namespace cameo::tool {

using host::HostTensor;

namespace {

constexpr StringRef roleNames[] = {"in", "out", "inout", "scratch"};

class Reader {
public:
  Reader(LaunchSource &source, LaunchProblems &problems) : source(source), problems(problems) {}
  LaunchFile launch;

  void read(const json::Object &object) {
    Fields top(object, "", problems);
    launch.kernel = top.string("kernel", false).value_or("");
    launch.grid = triple(top, "grid", {0x7fffffff, 65535, 65535});
    launch.block = triple(top, "block", {1024, 1024, 64});
    if (uint64_t threads = uint64_t(launch.block[0]) * launch.block[1] * launch.block[2]; threads > 1024)
      top.bad("block", "a block has at most 1024 threads; these are " + Twine(threads));
    if (const json::Value *cluster = top.find("cluster"); cluster && cluster->kind() != json::Value::Null)
      launch.cluster = triple(top, "cluster", {16, 16, 16});
    if (uint64_t blocks = uint64_t(launch.cluster[0]) * launch.cluster[1] * launch.cluster[2]; blocks > 16)
      top.bad("cluster", "a cluster has at most 16 blocks; these are " + Twine(blocks));
    launch.dynamicShared = uint32_t(top.integer("dynamic_shared_bytes", 0, 1 << 20, false).value_or(0));
    launch.coResident = top.boolean("cooperative").value_or(false);
    launch.coResident |= top.boolean("needs_all_blocks_co_resident").value_or(false);
    for (StringRef key : {"name", "source", "compiler", "ptx", "ptx_version", "ptxas", "features",
                          "confidence", "entry_directives", "target", "version"})
      top.ignore(key);
    entries(top, "buffers", [&](Fields &entry) { bufferEntry(entry); });
    entries(top, "args", [&](Fields &entry) { launch.args.push_back(argumentOf(entry)); });
    expectations(top);
    top.finish();
  }

private:
  template <typename F> void entries(Fields &top, StringRef key, F each) {
    const json::Value *value = top.find(key);
    if (!value)
      return;
    const json::Array *array = value->getAsArray();
    if (!array)
      return top.bad(key, "expected a list");
    if (array->size() > 4096)
      return top.bad(key, "more than 4096 entries");
    for (size_t i = 0; i < array->size(); ++i) {
      std::string path = (top.at(key) + "[" + Twine(i) + "]").str();
      if (const json::Object *object = (*array)[i].getAsObject()) {
        Fields entry(*object, path, problems);
        each(entry);
        entry.finish();
      } else {
        problems.add(path, "expected an object");
      }
    }
  }

  std::array<uint32_t, 3> triple(Fields &fields, StringRef key, std::array<int64_t, 3> most) {
    std::array<uint32_t, 3> sizes = {1, 1, 1};
    const json::Value *value = fields.need(key);
    if (!value)
      return sizes;
    const json::Array *array = value->getAsArray();
    if (!array || array->empty() || array->size() > 3) {
      fields.bad(key, "expected a list of x, y and z");
      return sizes;
    }
    for (size_t i = 0; i < array->size(); ++i) {
      std::optional<int64_t> size = (*array)[i].getAsInteger();
      if (size && *size >= 1 && *size <= most[i])
        sizes[i] = uint32_t(*size);
      else
        problems.add(fields.at(key) + "[" + Twine(i) + "]", "expected a size from 1 to " + Twine(most[i]));
    }
    return sizes;
  }

  std::optional<host::Dims> shape(Fields &fields, bool required) {
    const json::Value *value = required ? fields.need("shape") : fields.find("shape");
    if (!value)
      return std::nullopt;
    const json::Array *array = value->getAsArray();
    host::Dims dims;
    for (size_t i = 0; array && i < array->size(); ++i)
      dims.push_back((*array)[i].getAsInteger().value_or(-1));
    if (!array || dims.size() > 16 || llvm::any_of(dims, [](int64_t dim) { return dim < 0; }) ||
        !host::elementCount(dims)) {
      fields.bad("shape", "expected a list of at most 16 sizes, whose product fits 63 bits");
      return std::nullopt;
    }
    return dims;
  }

  std::optional<DType> dtype(Fields &fields, bool required) {
    std::optional<std::string> text = fields.string("dtype", required);
    if (!text)
      return std::nullopt;
    std::optional<DType> type = launchDType(*text);
    if (!type)
      fields.bad("dtype", "'" + *text + "' is no element type of whole bytes");
    return type;
  }

  std::optional<size_t> bufferNamed(StringRef name) const {
    for (size_t i = 0; i < launch.buffers.size(); ++i)
      if (launch.buffers[i].name == name)
        return i;
    return std::nullopt;
  }

  /// Adds it even if it has problems, so that what refers to it is not a second one.
  size_t addBuffer(Fields &fields, LaunchBuffer buffer) {
    if (bufferNamed(buffer.name))
      fields.bad("name", "'" + buffer.name + "' is there already");
    buffer.path = fields.path;
    launch.buffers.push_back(std::move(buffer));
    return launch.buffers.size() - 1;
  }

  size_t buffer(Fields &fields) {
    LaunchBuffer result;
    result.name = fields.string("name").value_or("");
    auto role = fields.choice("role", roleNames);
    result.role = BufferRole(role.value_or(0));
    bool fresh = result.role == BufferRole::out || result.role == BufferRole::scratch;
    const json::Value *init = fields.find("init");
    const json::Object *object = init ? init->getAsObject() : nullptr;
    bool fromFile = object && object->getString("type") == StringRef("file");
    std::optional<DType> type = dtype(fields, !fromFile);
    std::optional<host::Dims> dims = shape(fields, !fromFile);
    json::Object poison{{"type", "poison"}};
    if (!init && fresh)
      object = &poison;
    if (!object) {
      if (role || init)
        fields.bad("init", init ? "expected an object" : "is missing: what the kernel reads here");
      return addBuffer(fields, std::move(result));
    }
    Fields how(*object, fields.at("init"), problems);
    if (auto tensor = initialTensor(how, type, dims, source, result.poison))
      result.initial = *tensor;
    if (!fresh)
      result.poison.reset();
    how.finish();
    return addBuffer(fields, std::move(result));
  }

  /// Nothing: a null pointer.
  std::optional<size_t> scratch(Fields &fields) {
    LaunchBuffer result;
    result.name = fields.string("name", false).value_or(fields.path);
    result.role = BufferRole::scratch;
    bool null = fields.boolean("null").value_or(false);
    const json::Value *given = fields.find("bytes");
    bool none = null || !given || given->kind() == json::Value::Null;
    int64_t bytes = none ? 0 : fields.integer("bytes", 0, int64_t(1) << 40).value_or(0);
    int64_t align = fields.integer("align", 1, 1 << 20, false).value_or(256);
    if (align & (align - 1))
      fields.bad("align", "expected a power of two");
    bool zeroed = fields.boolean("zeroed").value_or(false) || fields.boolean("zero").value_or(false);
    if (const json::Value *init = fields.find("init"))
      if (const json::Object *object = init->getAsObject())
        zeroed |= object->getString("type") == StringRef("zeros");
    if (none || bytes == 0)
      return std::nullopt;
    json::Object how{{"type", zeroed ? "zeros" : "poison"}};
    Fields init(how, fields.at("bytes"), problems);
    if (auto tensor = initialTensor(init, DType::u8, host::Dims{bytes}, source, result.poison))
      result.initial = *tensor;
    result.align = uint64_t(align);
    return addBuffer(fields, std::move(result));
  }

  void bufferEntry(Fields &fields) {
    constexpr StringRef kinds[] = {"buffer", "scratch_ptr"};
    auto kind = fields.choice("kind", kinds, false);
    if (kind == 1u)
      scratch(fields);
    else if (kind || !fields.find("kind"))
      buffer(fields);
    else
      fields.ignoreAll();
  }

  void param(Fields &fields, LaunchArgument &argument) {
    const json::Value *value = fields.find("param");
    if (!value)
      return;
    const json::Object *object = value->getAsObject();
    if (!object)
      return fields.bad("param", "expected an object");
    Fields where(*object, fields.at("param"), problems);
    argument.size = where.integer("size", 0, 1 << 16, false);
    argument.align = where.integer("align", 1, 1 << 16, false);
    argument.offset = where.integer("offset", 0, 1 << 16, false);
    where.finish();
  }

  /// Members lie where C puts them, or where `at` says.
  void structure(Fields &fields, LaunchArgument &result) {
    result.kind = LaunchArgument::Kind::Struct;
    fields.ignore("name");
    int64_t end = 0;
    entries(fields, "members", [&](Fields &entry) {
      std::optional<int64_t> at = entry.integer("at", 0, 1 << 16, false);
      LaunchArgument member = argumentOf(entry, /*isMember=*/true);
      member.at = at.value_or(int64_t(llvm::alignTo(uint64_t(end), member.natural)));
      end = member.at + int64_t(member.byteSize());
      result.natural = std::max(result.members.empty() ? 1 : result.natural, member.natural);
      result.members.push_back(std::move(member));
    });
    if (result.members.empty() || end > 1 << 16)
      fields.bad("members", "expected a list of the structure's members, of at most 64 KiB");
  }

  LaunchArgument argumentOf(Fields &fields, bool isMember = false) {
    constexpr StringRef kinds[] = {"buffer", "ref", "scalar", "tensormap", "scratch_ptr", "struct"};
    LaunchArgument result;
    result.path = fields.path;
    param(fields, result);
    auto point = [&](std::optional<size_t> buffer) {
      result.kind = buffer ? LaunchArgument::Kind::Pointer : LaunchArgument::Kind::Null;
      result.buffer = buffer.value_or(0);
    };
    auto kind = fields.choice("kind", kinds);
    if (kind == 0u) {
      point(buffer(fields));
    } else if (kind == 1u) {
      std::string name = fields.string("name").value_or("");
      point(bufferNamed(name));
      if (result.kind == LaunchArgument::Kind::Null)
        fields.bad("name", "there is no buffer '" + name + "'");
    } else if (kind == 2u) {
      result.kind = LaunchArgument::Kind::Value;
      fields.ignore("name");
      auto type = dtype(fields, true);
      if (std::optional<HostTensor> value = tensorOfValues(fields, "value", type.value_or(DType::f64)))
        result.bytes.assign(value->as<uint8_t>(),
                            value->as<uint8_t>() + *byteSize(value->dtype(), value->numElements()));
      result.natural = type ? size_t(byteSize(*type, 1).value_or(1)) : 1;
    } else if (kind == 3u) {
      fields.ignore("name");
      std::string over = fields.string("over").value_or("");
      auto buffer = bufferNamed(over);
      if (!buffer && !over.empty())
        fields.bad("over", "there is no buffer '" + over + "'");
      readTensorMap(fields, result.map);
      result.kind = LaunchArgument::Kind::TensorMap;
      result.buffer = buffer.value_or(0);
      result.natural = 64;
    } else if (kind == 4u) {
      point(scratch(fields));
    } else if (kind == 5u && isMember) {
      fields.bad("kind", "a structure in a structure: give its members their places by 'at'");
      fields.ignoreAll();
    } else if (kind == 5u) {
      structure(fields, result);
    } else {
      fields.ignoreAll();
    }
    return result;
  }

  void expectations(Fields &top) {
    const json::Value *value = top.find("expected");
    if (!value)
      return;
    const json::Object *object = value->getAsObject();
    if (!object)
      return top.bad("expected", "expected an object from names of buffers to files");
    for (const std::string &name : keysOf(*object)) {
      std::string path = "expected." + name;
      const json::Object *how = object->getObject(name);
      std::optional<size_t> buffer = bufferNamed(name);
      if (!how || !buffer) {
        problems.add(path, how ? "there is no such buffer" : "expected an object");
        continue;
      }
      Fields fields(*how, path, problems);
      expectation(fields, *buffer);
      fields.finish();
    }
  }

  void expectation(Fields &fields, size_t index) {
    constexpr StringRef modes[] = {"exact", "allclose", "multiset_prefix"};
    using Mode = LaunchExpected::Mode;
    const LaunchBuffer &buffer = launch.buffers[index];
    LaunchExpected result;
    result.path = fields.path;
    result.buffer = index;
    result.mode = Mode(fields.choice("mode", modes, false).value_or(0));
    result.relative = fields.number("rtol", false).value_or(0);
    result.absolute = fields.number("atol", false).value_or(0);
    if (result.relative < 0 || result.absolute < 0)
      fields.bad(result.relative < 0 ? "rtol" : "atol", "expected a number that is not negative");
    if (auto name = fields.string("count_from", false)) {
      result.countFrom = bufferNamed(*name);
      if (!result.countFrom)
        fields.bad("count_from", "there is no buffer '" + *name + "'");
      else if (const HostTensor &count = launch.buffers[*result.countFrom].initial;
               count.isPresent() && (!isInteger(count.dtype()) || count.numElements() == 0))
        fields.bad("count_from", "'" + *name + "' holds no integer");
    }
    if (buffer.role == BufferRole::scratch)
      fields.bad("file", "'" + buffer.name + "' is scratch, which is not compared");
    bool known = buffer.initial.isPresent();
    auto type = known ? std::optional(buffer.initial.dtype()) : std::nullopt;
    auto tensor = tensorOfFile(fields, type, result.mode == Mode::AllClose, source);
    if (!tensor || !known)
      return;
    bool prefix = result.mode == Mode::MultisetPrefix || result.countFrom;
    int64_t has = tensor->numElements(), wants = buffer.initial.numElements();
    if (has > wants || (has < wants && !prefix))
      return fields.bad("file", "has " + Twine(has) + " elements, '" + buffer.name + "' " + Twine(wants));
    result.tensor = *tensor;
    launch.expected.push_back(std::move(result));
  }

  LaunchSource &source;
  LaunchProblems &problems;
};

} // namespace

LaunchFile readLaunch(const json::Object &object, LaunchSource &source, LaunchProblems &problems) {
  Reader reader(source, problems);
  reader.read(object);
  return std::move(reader.launch);
}

} // namespace cameo::tool
