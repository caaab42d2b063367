// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The program section: the description as one stream of fixed-width fields. Each struct has one
// function that visits its fields; the writer and the reader are two archives that it is run with, so
// that the two cannot disagree; what another version of the format had otherwise asks the archive for
// it. The reader never trusts a count: one that could not fit in the bytes
// that are left fails before anything is allocated.

#include "Format.h"

namespace cameo {

namespace {

class WriteArchive {
public:
  static constexpr bool reading = false;
  static constexpr uint16_t major = kBundleMajor;
  std::string out;
  std::vector<FieldSpan> *fields = nullptr;

  template <class T> void number(T &value) {
    if (fields)
      fields->push_back({out.size(), sizeof(T)});
    out.append(reinterpret_cast<const char *>(&value), sizeof(T));
  }
  void text(std::string &value) {
    uint64_t size = value.size();
    number(size);
    out += value;
  }
  size_t count(size_t size, size_t) {
    uint64_t wide = size;
    number(wide);
    return size;
  }
  bool failed() const { return false; }
  void fail(const char *) {}
};

class ReadArchive {
public:
  static constexpr bool reading = true;
  ReadArchive(std::string_view bytes, uint16_t major) : major(major), in(bytes) {}
  const uint16_t major;

  template <class T> void number(T &value) {
    if (in.size() - at < sizeof(T))
      return fail("it ends early");
    std::memcpy(&value, in.data() + at, sizeof(T));
    at += sizeof(T);
  }
  void text(std::string &value) {
    size_t size = count(0, 1);
    value.assign(in.substr(at, size));
    at += size;
  }
  /// A count of things that take at least `least` bytes each.
  size_t count(size_t, size_t least) {
    uint64_t size = 0;
    number(size);
    if (size > (in.size() - at) / least) {
      fail("a count exceeds the section");
      return 0;
    }
    return size;
  }
  bool failed() const { return !why.empty(); }
  void fail(const char *reason) {
    if (why.empty())
      why = reason;
    at = in.size();
  }
  bool atEnd() const { return at == in.size(); }
  std::string why;

private:
  std::string_view in;
  size_t at = 0;
};

template <class A, class T>
  requires std::is_integral_v<T>
void field(A &a, T &value) {
  a.number(value);
}
template <class A> void field(A &a, std::string &value) { a.text(value); }

/// Enumerations are stored as their number; `last` is the highest one that exists.
template <class A, class E> void fieldEnum(A &a, E &value, E last) {
  auto number = static_cast<std::underlying_type_t<E>>(value);
  a.number(number);
  if (number > static_cast<std::underlying_type_t<E>>(last)) {
    a.fail("an unknown enumerator");
    number = 0;
  }
  value = static_cast<E>(number);
}
template <class A> void field(A &a, DType &value) {
  fieldEnum(a, value, static_cast<DType>(kNumDTypes - 1));
}

template <class A, class T, size_t N> void field(A &a, std::array<T, N> &values) {
  for (T &value : values)
    field(a, value);
}
template <class A, class T> void field(A &a, std::vector<T> &values) {
  size_t size = a.count(values.size(), std::is_integral_v<T> ? sizeof(T) : 1);
  if constexpr (A::reading) {
    values.clear();
    // Elements are read one by one: a count may claim more structs than the bytes that follow hold.
    for (size_t i = 0; i < size && !a.failed(); ++i)
      field(a, values.emplace_back());
  } else {
    for (T &value : values)
      field(a, value);
  }
}

using namespace bundle;

template <class A> void field(A &a, Symbol &x) {
  field(a, x.name);
  fieldEnum(a, x.source, Symbol::Source::step);
  field(a, x.input);
  field(a, x.index);
}
template <class A> void field(A &a, ExprInstruction &x) {
  fieldEnum(a, x.op, SizeExpr::Op::Overflow);
  field(a, x.value);
}
template <class A> void field(A &a, Port &x) {
  field(a, x.name);
  field(a, x.dtype);
  field(a, x.dims);
}
template <class A> void field(A &a, Check &x) {
  field(a, x.expr);
  field(a, x.message);
  field(a, x.nodes);
}
template <class A> void field(A &a, Buffer &x) {
  fieldEnum(a, x.kind, Buffer::Kind::alias);
  field(a, x.index);
  field(a, x.bytes);
  field(a, x.offset);
  field(a, x.alignment);
  field(a, x.firstStep);
  field(a, x.lastStep);
  field(a, x.name);
}
template <class A> void field(A &a, Kernel &x) {
  field(a, x.symbol);
  field(a, x.module);
  field(a, x.threads);
  field(a, x.staticShared);
  field(a, x.family);
  field(a, x.nodes);
  field(a, x.opcodes);
  field(a, x.predicted);
}
template <class A> void field(A &a, Placement &x) {
  field(a, x.offset);
  field(a, x.bytes);
}
template <class A> void field(A &a, Image &x) {
  fieldEnum(a, x.kind, Image::Kind::cubin);
  field(a, x.target);
}
template <class A> void field(A &a, Module &x) { field(a, x.images); }
template <class A> void field(A &a, Weight &x) {
  // On disk there are two sources: embedded (memory) and reference.
  bool reference = x.source == Weight::Source::reference;
  uint8_t outside = reference;
  field(a, outside);
  field(a, x.name);
  field(a, x.bytes);
  field(a, x.hash);
  std::string path = reference ? x.path : "";
  uint64_t offset = reference ? x.fileOffset : 0;
  field(a, path);
  field(a, offset);
  if constexpr (A::reading) {
    if (outside > 1)
      a.fail("an unknown enumerator");
    x.source = outside ? Weight::Source::reference : Weight::Source::memory;
    x.path = path;
    x.fileOffset = offset;
  }
}
template <class A> void field(A &a, Argument &x) {
  fieldEnum(a, x.kind, Argument::Kind::immediate);
  field(a, x.buffer);
  field(a, x.expr);
  field(a, x.width);
  field(a, x.bits);
}
template <class A> void field(A &a, Variant &x) {
  field(a, x.guard);
  field(a, x.alignment);
  field(a, x.kernel);
  field(a, x.grid);
  field(a, x.dynamicShared);
  field(a, x.indexBits);
}
template <class A> void field(A &a, Region &x) {
  field(a, x.buffer);
  field(a, x.offset);
  field(a, x.bytes);
}
template <class A> void field(A &a, HostTensor &x) {
  field(a, x.buffer);
  field(a, x.dtype);
  field(a, x.dims);
}
template <class A> void field(A &a, Launch &x) {
  if (a.major == 1)
    field(a, x.variants.emplace_back());
  else
    field(a, x.variants);
  field(a, x.arguments);
}
template <class A> void field(A &a, Copy &x) {
  field(a, x.to);
  field(a, x.from);
}
template <class A> void field(A &a, Fill &x) {
  field(a, x.to);
  field(a, x.width);
  field(a, x.pattern);
}
template <class A> void field(A &a, ReadSymbols &x) {
  field(a, x.buffer);
  field(a, x.dtype);
  field(a, x.firstElement);
  field(a, x.symbols);
}
template <class A> void field(A &a, WriteSizes &x) {
  field(a, x.buffer);
  field(a, x.dtype);
  field(a, x.values);
}
template <class A> void field(A &a, HostOp &x) {
  field(a, x.name);
  field(a, x.attributes);
  field(a, x.inputs);
  field(a, x.outputs);
  field(a, x.nodes);
}
template <class A> void field(A &a, If &x) {
  field(a, x.condition);
  field(a, x.thenSteps);
  field(a, x.elseSteps);
}
template <class A> void field(A &a, Loop &x) {
  field(a, x.tripCount);
  field(a, x.condition);
  field(a, x.induction);
  field(a, x.bodySteps);
}

template <size_t I = 0> void emplaceStep(Step &step, size_t kind) {
  if constexpr (I < std::variant_size_v<Step>) {
    if (kind == I)
      step.emplace<I>();
    else
      emplaceStep<I + 1>(step, kind);
  }
}
template <class A> void field(A &a, Step &x) {
  uint8_t kind = x.index();
  field(a, kind);
  if constexpr (A::reading) {
    if (kind >= std::variant_size_v<Step>)
      return a.fail("an unknown kind of step");
    emplaceStep(x, kind);
  }
  std::visit([&](auto &step) { field(a, step); }, x);
}

template <class A> void visitProgram(A &a, BundleDesc &x, Placements &places) {
  field(a, x.model);
  field(a, x.producer);
  field(a, x.symbols);
  field(a, x.exprs);
  field(a, x.inputs);
  field(a, x.outputs);
  field(a, x.checks);
  field(a, x.buffers);
  field(a, x.weights);
  field(a, places.weights);
  field(a, x.modules);
  field(a, places.images);
  field(a, x.kernels);
  field(a, x.steps);
}

} // namespace

std::string encodeProgram(const BundleDesc &desc, const Placements &places,
                          std::vector<FieldSpan> *fields) {
  WriteArchive archive;
  archive.fields = fields;
  // The visitors serve both directions and so take non-const references; this one only reads.
  visitProgram(archive, const_cast<BundleDesc &>(desc), const_cast<Placements &>(places));
  return std::move(archive.out);
}

Status decodeProgram(std::string_view bytes, BundleDesc &desc, Placements &places, uint16_t major) {
  ReadArchive archive(bytes, major);
  visitProgram(archive, desc, places);
  if (!archive.failed() && !archive.atEnd())
    archive.fail("bytes follow its end");
  if (archive.failed())
    return invalidBundle("the program section is damaged: " + archive.why);
  if (major == 1 && desc.modules.size() > 1)
    return Error{ErrorCode::unsupported, "its format is version 1 and it has several modules, which this "
                                         "version does not read: compile the model again"};
  return {};
}

} // namespace cameo
