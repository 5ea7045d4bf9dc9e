#pragma once
#include <optional>
#include <string>
#include <vector>

#include "countersign/app/cards.hpp"
#include "countersign/core/card_sections.hpp"

// Lists of requests, as one person is shown them.
namespace countersign::app {

struct ListedRequest {
    core::CardSummary summary;
    bool can_vote = false;           // their approval would count now
    std::string votes = {};          // what people said so far: "ben approved"; hostile
    std::optional<MessageRef> card;  // where this chat shows it
    bool can_review = false;         // their review would count now
};
struct RequestList {
    std::string heading;
    std::vector<ListedRequest> items;
    std::optional<std::string> next = {};  // the words that give the next page: "list after 1042"
};
// What one person has to do with requests, each part a few of them.
struct HomePage {
    RequestList waiting;  // for them
    RequestList reviews;  // approved by somebody behind it, and they may review it
    RequestList own;      // pending, and they are behind it
    RequestList decided;  // lately, and they voted on it or are behind it
};

}  // namespace countersign::app
