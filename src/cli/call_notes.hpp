#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "countersign/core/time.hpp"

namespace countersign::cli {

// Small notes about calls of tools, in files that are kept for two days: hints, which may be lost or wrong
// without anything running that should not.
class CallNotes {
  public:
    CallNotes(const std::string& home, core::Instant now);

    // A note of one text: its name is a file's.
    std::optional<std::string> read(std::string_view name) const;
    void write(std::string_view name, std::string_view text) const;

    // Notes of several texts, each the name of a file: `take` gives each of them once, whoever else takes
    // too.
    void add(std::string_view name, std::string_view text) const;
    std::optional<std::string> take(std::string_view name) const;

  private:
    // Makes today's folder, and removes those of days before yesterday.
    void open_today() const;

    std::string folder_;
    std::string today_;
    std::string yesterday_;
};

}  // namespace countersign::cli
