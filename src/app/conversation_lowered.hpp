#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "countersign/app/conversation.hpp"

namespace countersign::app {

// What was typed into the inputs of a dialog, one for each number that may be lowered, in that order.
// invalid_input: one is no number, or nothing was changed.
Result<std::vector<core::Lowered>> typed_numbers(const core::Case& c, const std::vector<std::string>& typed);

// "rows=1000 too many": the short name of a parameter, or all of it.
struct WordedLowering {
    std::vector<core::Lowered> numbers;
    std::string reason;
};
Result<WordedLowering> read_lowering(const core::Case& c, std::string_view words);

}  // namespace countersign::app
