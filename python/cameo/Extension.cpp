// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The Python extension: a thin layer over cameo.h. Tensors arrive as addresses with types and shapes
// (the Python side keeps the arrays alive), results are copied into arrays that it made. A run gives up
// the interpreter lock; in the main thread it looks for signals, so that Ctrl-C ends it.

#include "cameo/Runtime/cameo.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace nb = nanobind;

namespace {

/// Raises cameo.CameoError (or its subclass for the status); the Python side defines it.
[[noreturn]] void raise(cameo_status status, cameo_error *error) {
  std::string message = cameo_error_message(error), kernel = cameo_error_kernel(error);
  nb::list nodes;
  for (size_t i = 0; i < cameo_error_node_count(error); ++i)
    nodes.append(cameo_error_node(error, i));
  cameo_error_destroy(error);
  nb::object exception = nb::module_::import_("cameo._errors").attr("make")(int(status), message, kernel, nodes);
  PyErr_SetObject(reinterpret_cast<PyObject *>(Py_TYPE(exception.ptr())), exception.ptr());
  throw nb::python_error();
}

void check(cameo_status status, cameo_error *error) {
  if (status != CAMEO_OK)
    raise(status, error);
}

/// (address, bytes, dtype, dims, on cuda, device index)
using TensorTuple = std::tuple<uintptr_t, uint64_t, int, std::vector<int64_t>, bool, int>;

std::vector<cameo_tensor> toTensors(const std::vector<TensorTuple> &tuples) {
  std::vector<cameo_tensor> tensors;
  for (const auto &[address, bytes, dtype, dims, cuda, index] : tuples)
    tensors.push_back({sizeof(cameo_tensor), dtype, uint32_t(dims.size()),
                       cuda ? CAMEO_CUDA_MEMORY : CAMEO_HOST_MEMORY, index, dims.data(), nullptr,
                       reinterpret_cast<void *>(address), bytes});
  return tensors;
}

class Bundle {
public:
  explicit Bundle(const std::string &path) {
    cameo_error *error = nullptr;
    check(cameo_bundle_open(path.c_str(), &handle, &error), error);
  }
  Bundle(const Bundle &) = delete;
  ~Bundle() { cameo_bundle_destroy(handle); }

  nb::list ports(bool outputs) const {
    nb::list all;
    size_t count = outputs ? cameo_bundle_output_count(handle) : cameo_bundle_input_count(handle);
    for (size_t i = 0; i < count; ++i) {
      cameo_port port = {};
      port.struct_size = sizeof port;
      (outputs ? cameo_bundle_output : cameo_bundle_input)(handle, i, &port);
      nb::list dims;
      for (uint32_t k = 0; k < port.rank; ++k)
        dims.append(port.dims[k]);
      all.append(nb::make_tuple(port.name, int(port.dtype), dims));
    }
    return all;
  }
  std::string model() const { return cameo_bundle_model(handle); }
  std::string producer() const { return cameo_bundle_producer(handle); }
  std::string report() const { return cameo_bundle_report(handle); }

  cameo_bundle *handle = nullptr;
};

class Session {
public:
  Session(const Bundle &bundle, const nb::dict &given) {
    cameo_session_options options;
    cameo_session_options_init(&options, sizeof options);
    auto get = [&](const char *name, auto &field) {
      if (given.contains(name))
        field = nb::cast<std::decay_t<decltype(field)>>(given[name]);
    };
    int device = CAMEO_AUTOMATIC;
    get("device", device);
    options.device = cameo_device(device);
    get("device_index", options.device_index);
    get("profile", options.profile);
    get("memory_limit", options.memory_limit);
    get("time_limit", options.time_limit);
    get("graphs", options.graphs);
    get("checks", options.checks);
    get("schedule", options.schedule);
    get("seed", options.seed);
    get("host_threads", options.host_threads);
    get("input_offset", options.input_offset);
    std::string target;
    get("target", target);
    options.target = target.empty() ? nullptr : target.c_str();
    cameo_error *error = nullptr;
    check(cameo_session_create(bundle.handle, &options, &handle, &error), error);
  }
  Session(const Session &) = delete;
  ~Session() { cameo_session_destroy(handle); }

  void run(const std::vector<TensorTuple> &inputs, bool watchSignals) {
    std::vector<cameo_tensor> in = toTensors(inputs);
    cameo_error *error = nullptr;
    cameo_status status = CAMEO_OK;
    auto body = [&] { status = cameo_session_run(handle, in.data(), in.size(), nullptr, 0, &error); };
    bool interrupted = false;
    if (watchSignals) {
      interrupted = runWatched(body);
    } else {
      nb::gil_scoped_release released;
      body();
    }
    if (interrupted) {
      cameo_error_destroy(error);
      throw nb::python_error();
    }
    check(status, error);
  }

  nb::tuple output(size_t index) const {
    cameo_tensor tensor = {};
    tensor.struct_size = sizeof tensor;
    cameo_error *error = nullptr;
    check(cameo_session_output(handle, index, &tensor, &error), error);
    nb::list dims;
    for (uint32_t i = 0; i < tensor.rank; ++i)
      dims.append(tensor.dims[i]);
    return nb::make_tuple(int(tensor.dtype), dims, tensor.bytes);
  }
  void readOutput(size_t index, uintptr_t address, uint64_t bytes) const {
    cameo_error *error = nullptr;
    check(cameo_session_read_output(handle, index, reinterpret_cast<void *>(address), bytes, &error), error);
  }
  uint64_t unwritten(size_t index) const {
    uint64_t missing = 0, first = 0;
    cameo_error *error = nullptr;
    check(cameo_session_output_unwritten(handle, index, &missing, &first, &error), error);
    return missing;
  }

  nb::list launches() const {
    nb::list all;
    for (size_t i = 0; i < cameo_session_launch_count(handle); ++i) {
      cameo_launch_info info = {};
      info.struct_size = sizeof info;
      cameo_session_launch(handle, i, &info);
      nb::dict entry;
      entry["kernel"] = info.kernel;
      entry["family"] = info.family;
      entry["nodes"] = texts(info.nodes, info.node_count);
      entry["step"] = info.step;
      entry["variant"] = info.variant;
      entry["grid"] = nb::make_tuple(info.grid[0], info.grid[1], info.grid[2]);
      entry["block"] = nb::make_tuple(info.block[0], info.block[1], info.block[2]);
      entry["milliseconds"] = info.milliseconds;
      if (info.has_counts) {
        entry["global_load_bytes"] = info.global_load_bytes;
        entry["global_store_bytes"] = info.global_store_bytes;
        entry["thread_instructions"] = info.thread_instructions;
      }
      all.append(entry);
    }
    return all;
  }

  nb::list findings() const {
    nb::list all;
    for (size_t i = 0; i < cameo_session_finding_count(handle); ++i) {
      cameo_finding finding = {};
      finding.struct_size = sizeof finding;
      cameo_session_finding(handle, i, &finding);
      nb::dict entry;
      entry["code"] = int(finding.status);
      entry["kernel"] = finding.kernel;
      entry["nodes"] = texts(finding.nodes, finding.node_count);
      entry["line"] = finding.line;
      entry["instruction"] = finding.instruction;
      entry["object"] = finding.object;
      entry["message"] = finding.message;
      entry["remedy"] = finding.remedy;
      all.append(entry);
    }
    return all;
  }

  int device() const { return cameo_session_device(handle); }
  std::string deviceName() const { return cameo_session_device_name(handle); }
  void cancel() { cameo_session_cancel(handle); }

private:
  static nb::list texts(const char *const *chars, size_t count) {
    nb::list all;
    for (size_t i = 0; i < count; ++i)
      all.append(chars[i]);
    return all;
  }

  /// Runs `body` in another thread while this one looks for signals. True: one raised an exception.
  template <class Body> bool runWatched(const Body &body) {
    nb::gil_scoped_release released;
    std::mutex mutex;
    std::condition_variable done;
    bool finished = false, interrupted = false;
    std::thread worker([&] {
      body();
      std::lock_guard lock(mutex);
      finished = true;
      done.notify_all();
    });
    for (std::unique_lock lock(mutex); !finished;) {
      if (done.wait_for(lock, std::chrono::milliseconds(50), [&] { return finished; }))
        break;
      lock.unlock();
      if (!interrupted) {
        nb::gil_scoped_acquire held;
        interrupted = PyErr_CheckSignals() != 0;
      }
      if (interrupted)
        cameo_session_cancel(handle);
      lock.lock();
    }
    worker.join();
    return interrupted;
  }

  cameo_session *handle = nullptr;
};

/// What a DLPack object holds: (address, dims, strides, type code, bits, lanes, device type, device id).
nb::tuple describe(const nb::ndarray<nb::ro> &array) {
  nb::list dims, strides;
  for (size_t i = 0; i < array.ndim(); ++i) {
    dims.append(array.shape(i));
    strides.append(array.stride(i));
  }
  return nb::make_tuple(reinterpret_cast<uintptr_t>(array.data()), dims, strides, int(array.dtype().code),
                        int(array.dtype().bits), int(array.dtype().lanes), array.device_type(),
                        array.device_id());
}

} // namespace

NB_MODULE(_runtime, module) {
  nb::set_leak_warnings(false); // what an interrupted program still holds at its end is no news to its user
  module.doc() = "The runtime of Cameo; use the package `cameo`.";
  nb::class_<Bundle>(module, "Bundle")
      .def(nb::init<const std::string &>())
      .def("ports", &Bundle::ports)
      .def_prop_ro("model", &Bundle::model)
      .def_prop_ro("producer", &Bundle::producer)
      .def_prop_ro("report", &Bundle::report);
  nb::class_<Session>(module, "Session")
      .def(nb::init<const Bundle &, const nb::dict &>())
      .def("run", &Session::run)
      .def("output", &Session::output)
      .def("read_output", &Session::readOutput)
      .def("unwritten", &Session::unwritten)
      .def("launches", &Session::launches)
      .def("findings", &Session::findings)
      .def("cancel", &Session::cancel)
      .def_prop_ro("device", &Session::device)
      .def_prop_ro("device_name", &Session::deviceName);
  module.def("describe", &describe);
  module.def("version", [] { return std::string(cameo_version()); });
  module.def("cuda_device_count", [] { return cameo_cuda_device_count(); });
}
