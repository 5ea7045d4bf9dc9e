#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "countersign/app/conversation.hpp"

// Sentences that several parts of a conversation say.
namespace countersign::app {

inline Reply told(std::string sentence, bool late = false) {
    return {.what = Lines{.text = {std::move(sentence)}}, .late = late};
}

// What to tell a person whose vote was not recorded, or may not have been.
std::string not_recorded_sentence(const Failure& failure);
// What to tell of a vote, where there is something to tell.
std::string vote_sentence(core::Verdict verdict, const Result<Answer>& answer, bool late);
// Why a request that somebody asked for in words, or a list of them, cannot be shown.
std::string not_found_sentence(const Failure& failure);
// Why a request whose button somebody pressed cannot be shown.
std::string unread_sentence(const Failure& failure);
Reply unread(const Failure& failure);

}  // namespace countersign::app
