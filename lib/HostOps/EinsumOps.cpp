// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Einsum by its definition: one loop over the result's labels and one over those summed away. Every
// operand is a view whose stride for a label is the sum of the strides of its dimensions with that
// label, so that diagonals, broadcasts and transposes need nothing special. Also determinants.
#include "cameo/HostOps/Contraction.h"

#include "Elements.h"
#include "Sum.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>

namespace cameo::host {
namespace {

/// Labels are characters; the dimensions of an ellipsis get the numbers 256, 257, … from the
/// innermost.
using Labels = std::vector<int>;

Result<Labels> parseTerm(const std::string &term, int64_t rank, int64_t ellipsisRank) {
  Labels labels;
  size_t dots = term.find("...");
  for (size_t i = 0; i < term.size(); ++i) {
    if (i == dots) {
      int64_t count = rank >= 0 ? rank - int64_t(term.size() - 3) : ellipsisRank;
      for (int64_t k = count; k-- > 0;)
        labels.push_back(256 + int(k));
      i += 2;
    } else if (std::isalpha(static_cast<unsigned char>(term[i]))) {
      labels.push_back(term[i]);
    } else {
      return error("einsum: unexpected character in \"" + term + "\"");
    }
  }
  if (rank >= 0 && int64_t(labels.size()) != rank)
    return error("einsum: term \"" + term + "\" does not match a tensor of rank " +
                 std::to_string(rank));
  return labels;
}

struct Equation {
  std::vector<Labels> inputs;
  Labels output, summed;
  std::map<int, int64_t> sizes;
};

Result<Equation> parseEquation(std::string text, const std::vector<HostTensor> &xs) {
  text.erase(std::remove_if(text.begin(), text.end(), [](unsigned char c) { return c == ' '; }),
             text.end());
  size_t arrow = text.find("->");
  std::string left = text.substr(0, arrow);
  std::vector<std::string> terms{""};
  for (char c : left)
    if (c == ',')
      terms.emplace_back();
    else
      terms.back() += c;
  if (terms.size() != xs.size())
    return error("einsum: the equation has not one term an operand");
  Equation e;
  int64_t ellipsisRank = 0;
  std::map<int, int> uses;
  for (size_t i = 0; i < xs.size(); ++i) {
    CAMEO_TRY(labels, parseTerm(terms[i], xs[i].rank(), 0));
    for (size_t d = 0; d < labels.size(); ++d) {
      int64_t size = xs[i].dim(int64_t(d));
      int64_t &known = e.sizes.try_emplace(labels[d], size).first->second;
      if (known == 1)
        known = size;
      if (size != known && size != 1)
        return error("einsum: a label has two sizes");
      ++uses[labels[d]];
      if (labels[d] >= 256)
        ellipsisRank = std::max<int64_t>(ellipsisRank, labels[d] - 255);
    }
    e.inputs.push_back(labels);
  }
  if (arrow != std::string::npos) {
    CAMEO_TRY(output, parseTerm(text.substr(arrow + 2), -1, ellipsisRank));
    e.output = output;
  } else {
    // Implicit form: the ellipsis, then labels used once in alphabetical order.
    for (int64_t k = ellipsisRank; k-- > 0;)
      e.output.push_back(256 + int(k));
    for (auto [label, count] : uses)
      if (count == 1 && label < 256)
        e.output.push_back(label);
  }
  for (int label : e.output)
    if (!e.sizes.count(label) || std::count(e.output.begin(), e.output.end(), label) != 1)
      return error("einsum: a label of the result is not one of the operands'");
  for (auto [label, size] : e.sizes)
    if (std::find(e.output.begin(), e.output.end(), label) == e.output.end())
      e.summed.push_back(label);
  return e;
}

Dims sizesOf(const Equation &e, const Labels &labels) {
  Dims dims;
  for (int label : labels)
    dims.push_back(e.sizes.at(label));
  return dims;
}

/// Row-major values of x are addressed with these strides along `labels`.
Dims stridesOf(const HostTensor &x, const Labels &own, const Labels &labels) {
  Dims strides, rowMajor = rowMajorStrides(x.dims());
  for (int label : labels) {
    int64_t stride = 0;
    for (size_t d = 0; d < own.size(); ++d)
      stride += own[d] == label && x.dims()[d] != 1 ? rowMajor[d] : 0;
    strides.push_back(stride);
  }
  return strides;
}

template <class W>
Result<HostTensor> contract(const Equation &e, const std::vector<HostTensor> &xs) {
  Dims outDims = sizesOf(e, e.output), sumDims = sizesOf(e, e.summed);
  CAMEO_TRY(out, HostTensor::allocate(xs[0].dtype(), outDims));
  if (out.numElements() == 0)
    return out;
  size_t count = xs.size();
  std::vector<std::vector<W>> values;
  std::vector<Dims> outStrides, sumStrides;
  for (size_t i = 0; i < count; ++i) {
    values.push_back(loadAll<W>(xs[i]));
    outStrides.push_back(stridesOf(xs[i], e.inputs[i], e.output));
    sumStrides.push_back(stridesOf(xs[i], e.inputs[i], e.summed));
  }
  bool nothing = elementCount(sumDims).value_or(0) == 0;
  Dims at(outDims.size(), 0), k(sumDims.size(), 0);
  int64_t done = 0;
  do {
    Sum floats;
    uint64_t integers = 0;
    if (!nothing)
      do {
        W product = 1;
        for (size_t i = 0; i < count; ++i) {
          int64_t position = 0;
          for (size_t d = 0; d < at.size(); ++d)
            position += at[d] * outStrides[i][d];
          for (size_t d = 0; d < k.size(); ++d)
            position += k[d] * sumStrides[i][d];
          if constexpr (std::is_floating_point_v<W>)
            product *= values[i][size_t(position)];
          else
            product = W(uint64_t(product) * uint64_t(values[i][size_t(position)]));
        }
        if constexpr (std::is_floating_point_v<W>)
          floats.add(product);
        else
          integers += uint64_t(product);
      } while (nextIndex(k, sumDims));
    W result = std::is_floating_point_v<W> ? W(floats.value()) : W(integers);
    storeRun(out.dtype(), out.data(), done++, 1, &result);
  } while (nextIndex(at, outDims));
  return out;
}

} // namespace

Result<HostTensor> einsum(const std::string &equation, const std::vector<HostTensor> &xs) {
  if (xs.empty())
    return error("einsum: no operands");
  for (const HostTensor &x : xs)
    if (x.dtype() != xs[0].dtype() || !isReal(x.dtype()))
      return error("einsum takes operands of one numeric type");
  CAMEO_TRY(e, parseEquation(equation, xs));
  return withWide(xs[0].dtype(), [&](auto zero) { return contract<decltype(zero)>(e, xs); });
}

Result<HostTensor> determinant(const HostTensor &x) {
  if (x.rank() < 2 || x.dim(-1) != x.dim(-2) || !isFloat(x.dtype()))
    return error("a determinant takes square matrices of floats");
  size_t n = size_t(x.dim(-1));
  std::vector<double> values = loadAll<double>(x), results;
  Dims dims(x.dims().begin(), x.dims().end() - 2);
  int64_t count = elementCount(dims).value_or(0);
  for (int64_t b = 0; b < count; ++b) {
    double *m = values.data() + size_t(b) * n * n, result = 1;
    for (size_t c = 0; c < n; ++c) {
      size_t pivot = c;
      for (size_t r = c + 1; r < n; ++r)
        if (std::fabs(m[r * n + c]) > std::fabs(m[pivot * n + c]))
          pivot = r;
      if (pivot != c)
        result = -result;
      for (size_t j = 0; pivot != c && j < n; ++j)
        std::swap(m[pivot * n + j], m[c * n + j]);
      result *= m[c * n + c];
      for (size_t r = c + 1; m[c * n + c] != 0 && r < n; ++r) {
        double factor = m[r * n + c] / m[c * n + c];
        for (size_t j = c; j < n; ++j)
          m[r * n + j] -= factor * m[c * n + j];
      }
    }
    results.push_back(result);
  }
  return storeAll(x.dtype(), dims, results);
}

} // namespace cameo::host
