#pragma once
#include <cstddef>
#include <string>

#include "countersign/core/time.hpp"

namespace countersign::cli {

// Remembers how often the same call was asked about, so that the next one need not look at each of the
// requests before it. It is only a hint: where it is lost every request is looked at, and where it lies a
// new one is filed.
class Repetitions {
  public:
    // `call` is a name of a file. Nothing is written before `passed`; hints older than two days are removed.
    Repetitions(const std::string& home, std::string call, core::Instant now);
    std::size_t next() const;
    void passed(std::size_t repetitions) const;

  private:
    std::string folder_;
    std::string today_;
    std::string before_;  // the day before
    std::string call_;
};

}  // namespace countersign::cli
