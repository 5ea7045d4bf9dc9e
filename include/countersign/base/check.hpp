#pragma once
#include <source_location>

namespace countersign {

// A failed check is a bug in this program, never a fact about the outside world. It ends the process, in
// every build: an approval service that is wrong about its own state must not go on deciding.
[[noreturn]] void check_failed(const char* condition, std::source_location where);

}  // namespace countersign

#define COUNTERSIGN_CHECK(condition)            \
    ((condition) ? static_cast<void>(0)         \
                 : ::countersign::check_failed(#condition, std::source_location::current()))
