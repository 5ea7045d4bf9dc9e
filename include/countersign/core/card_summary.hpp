#pragma once
#include <cstdint>
#include <string>

#include "countersign/core/decide.hpp"

namespace countersign::core {

// This is what a list says of one request.
struct CardSummary {
    RequestId id;
    std::int64_t number = 0;
    std::string line;    // what is asked for; hostile
    std::string detail;  // how it stands; hostile
};
CardSummary card_summary(const Case& c, const Ruling& ruling);

// What to tell a person whose vote was recorded.
std::string recorded_sentence(Verdict verdict, const Case& c, const Ruling& ruling);

}  // namespace countersign::core
