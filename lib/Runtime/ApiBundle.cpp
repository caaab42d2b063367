// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C interface: process, errors, bundles.

#include "ApiImpl.h"
#include "Log.h"

using namespace cameo;
using namespace cameo::rt;

const char *cameo_version(void) { return CAMEO_VERSION; }

void cameo_set_log(cameo_log_callback callback, void *user, cameo_log_level most_verbose) {
  static_assert(sizeof(cameo_log_level) == sizeof(int));
  LogCallback forward;
  if (callback)
    forward = [callback, user](LogLevel level, const char *message) {
      callback(user, cameo_log_level(level), message);
    };
  setLog(std::move(forward), LogLevel(most_verbose));
}

int cameo_cuda_device_count(void) {
  int count = 0;
  guarded(nullptr, [&] { return count = cudaDeviceCount(), CAMEO_OK; });
  return count;
}

cameo_status cameo_error_status(const cameo_error *error) {
  return error ? cameo_status(error->error.code) : CAMEO_OK;
}
const char *cameo_error_message(const cameo_error *error) {
  return error ? error->error.message.c_str() : "";
}
const char *cameo_error_kernel(const cameo_error *error) {
  return error ? error->error.kernel.c_str() : "";
}
size_t cameo_error_node_count(const cameo_error *error) { return error ? error->error.nodes.size() : 0; }
const char *cameo_error_node(const cameo_error *error, size_t index) {
  return index < cameo_error_node_count(error) ? error->error.nodes[index].c_str() : "";
}
void cameo_error_destroy(cameo_error *error) { delete error; }

static std::vector<cameo_bundle::PortTexts> portTexts(const BundleDesc &desc,
                                                      const std::vector<bundle::Port> &ports) {
  std::vector<cameo_bundle::PortTexts> texts(ports.size());
  for (size_t i = 0; i < ports.size(); ++i) {
    for (ExprId dim : ports[i].dims)
      texts[i].dims.push_back(desc.exprText(dim));
    for (const std::string &dim : texts[i].dims)
      texts[i].pointers.push_back(dim.c_str());
  }
  return texts;
}

cameo_status cameo_bundle_open(const char *path, cameo_bundle **bundle, cameo_error **error) {
  return guarded(error, [&]() -> cameo_status {
    if (!path || !bundle)
      return misuse("cameo_bundle_open: null argument", error);
    *bundle = nullptr;
    auto loaded = LoadedBundle::open(path, {});
    if (!loaded)
      return report(loaded.error(), error);
    auto made = std::make_unique<cameo_bundle>();
    made->loaded = *loaded;
    made->inputs = portTexts(made->loaded->desc(), made->loaded->desc().inputs);
    made->outputs = portTexts(made->loaded->desc(), made->loaded->desc().outputs);
    *bundle = made.release();
    return CAMEO_OK;
  });
}

void cameo_bundle_destroy(cameo_bundle *bundle) { delete bundle; }

const char *cameo_bundle_model(const cameo_bundle *bundle) {
  return bundle ? bundle->loaded->desc().model.c_str() : "";
}
const char *cameo_bundle_producer(const cameo_bundle *bundle) {
  return bundle ? bundle->loaded->desc().producer.c_str() : "";
}
const char *cameo_bundle_report(const cameo_bundle *bundle) {
  return bundle ? bundle->loaded->desc().report.c_str() : "";
}

size_t cameo_bundle_input_count(const cameo_bundle *bundle) { return bundle ? bundle->inputs.size() : 0; }
size_t cameo_bundle_output_count(const cameo_bundle *bundle) { return bundle ? bundle->outputs.size() : 0; }

static cameo_status describePort(const std::vector<bundle::Port> &ports,
                                 const std::vector<cameo_bundle::PortTexts> &texts, size_t index,
                                 cameo_port *to) {
  if (index >= ports.size())
    return CAMEO_USAGE;
  const bundle::Port &port = ports[index];
  return fillStruct(to, cameo_port{sizeof(cameo_port), cameo_dtype(port.dtype), port.name.c_str(),
                                   uint32_t(port.dims.size()), texts[index].pointers.data()});
}

cameo_status cameo_bundle_input(const cameo_bundle *bundle, size_t index, cameo_port *port) {
  return bundle ? describePort(bundle->loaded->desc().inputs, bundle->inputs, index, port) : CAMEO_USAGE;
}
cameo_status cameo_bundle_output(const cameo_bundle *bundle, size_t index, cameo_port *port) {
  return bundle ? describePort(bundle->loaded->desc().outputs, bundle->outputs, index, port) : CAMEO_USAGE;
}
