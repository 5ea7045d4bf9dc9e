#pragma once
#include <string>

#include "countersign/app/conversation.hpp"

// Sentences that several parts of a conversation say.
namespace countersign::app {

inline Reply told(std::string sentence, bool late = false) {
    return {.what = Lines{.text = {std::move(sentence)}, .ask_again = false}, .late = late};
}

// What to tell a person whose vote was not recorded, or may not have been.
std::string not_recorded_sentence(const Failure& failure);
// Why a request, or a list of them, cannot be shown.
std::string not_found_sentence(const Failure& failure);

}  // namespace countersign::app
