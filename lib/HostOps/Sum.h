// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A sum of doubles whose error does not grow with the number of terms (Neumaier's compensated sum).
// Where the sum is not finite the compensation is meaningless and is left out.
#pragma once

#include <cmath>

namespace cameo::host {

class Sum {
public:
  void add(double x) {
    double next = total + x;
    if (std::fabs(total) >= std::fabs(x))
      lost += (total - next) + x;
    else
      lost += (x - next) + total;
    total = next;
  }
  double value() const { return std::isfinite(total) ? total + lost : total; }

private:
  double total = 0, lost = 0;
};

} // namespace cameo::host
