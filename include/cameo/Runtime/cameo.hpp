// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C++ interface of Cameo's runtime: the handles of cameo.h as owning objects, tensors as spans,
// failures as values. Header only, C++17, needs no exceptions; a Result can be turned into an
// exception with `orThrow` where they are enabled. What cameo.h says of ownership, threads and units
// holds here.
//
//   auto bundle = cameo::runtime::Bundle::open("model.cameo");
//   if (!bundle) { report(bundle.error().message()); ... }
//   auto session = bundle->createSession({});
//   std::vector<float> x(n);
//   auto status = session->run({cameo::runtime::Tensor::of(x.data(), {1, n})});
//   auto y = session->outputData<float>(0);
#ifndef CAMEO_RUNTIME_CAMEO_HPP
#define CAMEO_RUNTIME_CAMEO_HPP

#include "cameo/Runtime/cameo.h"

#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>
#if defined(__cpp_exceptions)
#include <stdexcept>
#endif

namespace cameo::runtime {

/// A failure: status, one sentence, and the kernel and ONNX nodes at fault where they are known.
class Error {
public:
  Error() = default;
  Error(cameo_status status, std::string message) : code(status), text(std::move(message)) {}
  /// Takes the handle.
  Error(cameo_status status, cameo_error *handle)
      : code(status), text(cameo_error_message(handle)), kernelName(cameo_error_kernel(handle)) {
    for (size_t i = 0; i < cameo_error_node_count(handle); ++i)
      nodeNames.emplace_back(cameo_error_node(handle, i));
    cameo_error_destroy(handle);
  }
  cameo_status status() const { return code; }
  const std::string &message() const { return text; }
  const std::string &kernel() const { return kernelName; }
  const std::vector<std::string> &nodes() const { return nodeNames; }

private:
  cameo_status code = CAMEO_INTERNAL;
  std::string text, kernelName;
  std::vector<std::string> nodeNames;
};

struct Unit {};

/// A value or an Error. Reading the value of a failed Result ends the process.
template <class T> class [[nodiscard]] Result {
public:
  Result(T value) : held(std::move(value)) {}
  Result(Error error) : failure(std::move(error)) {}
  explicit operator bool() const { return held.has_value(); }
  const Error &error() const { return failure; }
  T &operator*() & { return get(); }
  T operator*() && { return std::move(get()); } // by value: `for (x : *f())` has to work
  const T &operator*() const & { return const_cast<Result *>(this)->get(); }
  T *operator->() { return &get(); }
#if defined(__cpp_exceptions)
  T orThrow() && {
    if (!held)
      throw std::runtime_error(failure.message());
    return std::move(*held);
  }
#endif

private:
  T &get() {
    if (!held)
      std::abort();
    return *held;
  }
  std::optional<T> held;
  Error failure;
};
using Status = Result<Unit>;

namespace detail {
template <auto destroy> struct Deleter {
  template <class T> void operator()(T *handle) const { destroy(handle); }
};
template <class T, auto destroy> using Handle = std::unique_ptr<T, Deleter<destroy>>;
inline Status toStatus(cameo_status status, cameo_error *error) {
  if (status == CAMEO_OK)
    return Unit{};
  return Error(status, error);
}
template <class T> struct TypeOf;
template <> struct TypeOf<float> { static constexpr cameo_dtype value = 1; };
template <> struct TypeOf<uint8_t> { static constexpr cameo_dtype value = 2; };
template <> struct TypeOf<int8_t> { static constexpr cameo_dtype value = 3; };
template <> struct TypeOf<uint16_t> { static constexpr cameo_dtype value = 4; };
template <> struct TypeOf<int16_t> { static constexpr cameo_dtype value = 5; };
template <> struct TypeOf<int32_t> { static constexpr cameo_dtype value = 6; };
template <> struct TypeOf<int64_t> { static constexpr cameo_dtype value = 7; };
template <> struct TypeOf<bool> { static constexpr cameo_dtype value = 9; };
template <> struct TypeOf<double> { static constexpr cameo_dtype value = 11; };
template <> struct TypeOf<uint32_t> { static constexpr cameo_dtype value = 12; };
template <> struct TypeOf<uint64_t> { static constexpr cameo_dtype value = 13; };
} // namespace detail

/// A tensor in memory of the caller, in C order. Does not own.
struct Tensor {
  cameo_dtype dtype = 0;
  std::vector<int64_t> dims;
  void *data = nullptr;
  uint64_t bytes = 0; ///< size of the memory at `data`
  cameo_place place = CAMEO_HOST_MEMORY;
  int deviceIndex = 0;

  template <class T> static Tensor of(const T *data, std::vector<int64_t> dims) {
    uint64_t count = 1;
    for (int64_t dim : dims)
      count *= uint64_t(dim);
    return {detail::TypeOf<T>::value, std::move(dims), const_cast<T *>(data), count * sizeof(T),
            CAMEO_HOST_MEMORY, 0};
  }
};

/// The type and shape of an output that a run produced.
struct Shape {
  cameo_dtype dtype = 0;
  std::vector<int64_t> dims;
  uint64_t bytes = 0;
  cameo_place place = CAMEO_HOST_MEMORY;
  void *deviceData = nullptr; ///< on cuda
};

class Options : public cameo_session_options {
public:
  Options() { cameo_session_options_init(this, sizeof(cameo_session_options)); }
  Options(cameo_device on) : Options() { device = on; }
};

class Session {
public:
  explicit Session(cameo_session *handle) : handle(handle) {}
  cameo_session *get() const { return handle.get(); }

  Status run(const std::vector<Tensor> &inputs, const std::vector<Tensor> &outputs = {}) {
    std::vector<cameo_tensor> in = raw(inputs), out = raw(outputs);
    cameo_error *error = nullptr;
    cameo_status status = cameo_session_run(get(), in.data(), in.size(), out.empty() ? nullptr : out.data(),
                                            out.size(), &error);
    return detail::toStatus(status, error);
  }
  void cancel() { cameo_session_cancel(get()); }

  Result<Shape> output(size_t index) {
    cameo_tensor tensor = {};
    tensor.struct_size = sizeof tensor;
    cameo_error *error = nullptr;
    if (cameo_status status = cameo_session_output(get(), index, &tensor, &error); status != CAMEO_OK)
      return Error(status, error);
    return Shape{tensor.dtype, {tensor.dims, tensor.dims + tensor.rank}, tensor.bytes, tensor.place, tensor.data};
  }
  /// A copy of the output's elements.
  template <class T> Result<std::vector<T>> outputData(size_t index) {
    auto shape = output(index);
    if (!shape)
      return shape.error();
    if (shape->dtype != detail::TypeOf<T>::value)
      return Error(CAMEO_USAGE, "the output has another element type");
    std::vector<T> elements(shape->bytes / sizeof(T));
    cameo_error *error = nullptr;
    cameo_status status = cameo_session_read_output(get(), index, elements.data(), shape->bytes, &error);
    if (status != CAMEO_OK)
      return Error(status, error);
    return elements;
  }
  /// sim: bytes of the output that no kernel wrote.
  Result<uint64_t> unwritten(size_t index) {
    uint64_t missing = 0, first = 0;
    cameo_error *error = nullptr;
    cameo_status status = cameo_session_output_unwritten(get(), index, &missing, &first, &error);
    if (status != CAMEO_OK)
      return Error(status, error);
    return missing;
  }
  cameo_run_info runInfo() const {
    cameo_run_info info = {};
    info.struct_size = sizeof info;
    cameo_session_run_info(get(), &info);
    return info;
  }
  std::vector<cameo_launch_info> launches() const {
    std::vector<cameo_launch_info> all(cameo_session_launch_count(get()));
    for (size_t i = 0; i < all.size(); ++i) {
      all[i].struct_size = sizeof all[i];
      cameo_session_launch(get(), i, &all[i]);
    }
    return all;
  }
  std::vector<cameo_finding> findings() const {
    std::vector<cameo_finding> all(cameo_session_finding_count(get()));
    for (size_t i = 0; i < all.size(); ++i) {
      all[i].struct_size = sizeof all[i];
      cameo_session_finding(get(), i, &all[i]);
    }
    return all;
  }
  cameo_device device() const { return cameo_session_device(get()); }
  std::string deviceName() const { return cameo_session_device_name(get()); }

private:
  static std::vector<cameo_tensor> raw(const std::vector<Tensor> &tensors) {
    std::vector<cameo_tensor> result;
    for (const Tensor &t : tensors)
      result.push_back({sizeof(cameo_tensor), t.dtype, uint32_t(t.dims.size()), t.place, t.deviceIndex,
                        t.dims.data(), nullptr, t.data, t.bytes});
    return result;
  }
  detail::Handle<cameo_session, cameo_session_destroy> handle;
};

class Bundle {
public:
  static Result<Bundle> open(const std::string &path) {
    cameo_bundle *handle = nullptr;
    cameo_error *error = nullptr;
    cameo_status status = cameo_bundle_open(path.c_str(), &handle, &error);
    if (status != CAMEO_OK)
      return Error(status, error);
    return Bundle(handle);
  }
  cameo_bundle *get() const { return handle.get(); }

  Result<Session> createSession(const Options &options) const {
    cameo_session *session = nullptr;
    cameo_error *error = nullptr;
    cameo_status status = cameo_session_create(get(), &options, &session, &error);
    if (status != CAMEO_OK)
      return Error(status, error);
    return Session(session);
  }

  struct Port {
    std::string name;
    cameo_dtype dtype = 0;
    std::vector<std::string> dims; ///< numbers, or formulas over named sizes
  };
  std::vector<Port> inputs() const { return ports(cameo_bundle_input_count(get()), cameo_bundle_input); }
  std::vector<Port> outputs() const { return ports(cameo_bundle_output_count(get()), cameo_bundle_output); }
  std::string model() const { return cameo_bundle_model(get()); }
  std::string producer() const { return cameo_bundle_producer(get()); }
  std::string report() const { return cameo_bundle_report(get()); }

private:
  explicit Bundle(cameo_bundle *handle) : handle(handle) {}
  std::vector<Port> ports(size_t count,
                          cameo_status (*ask)(const cameo_bundle *, size_t, cameo_port *)) const {
    std::vector<Port> all;
    for (size_t i = 0; i < count; ++i) {
      cameo_port port = {};
      port.struct_size = sizeof port;
      ask(get(), i, &port);
      all.push_back({port.name, port.dtype, {port.dims, port.dims + port.rank}});
    }
    return all;
  }
  detail::Handle<cameo_bundle, cameo_bundle_destroy> handle;
};

} // namespace cameo::runtime

#endif
