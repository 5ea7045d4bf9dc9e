#pragma once
#include "countersign/app/conversation.hpp"
#include "countersign/core/why.hpp"

namespace countersign::app {

// Says which words are missing where a vote that was refused for this would count with them.
Lines::Wrong lacking_words(core::Why why);

}  // namespace countersign::app
