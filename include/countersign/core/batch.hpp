#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "countersign/core/card.hpp"
#include "countersign/core/card_button.hpp"

// Requests that are alike stand on one card, as a list: whoever is asked the same thing again and again stops
// reading. Each of them is still decided by itself.
namespace countersign::core {

// From so many alike requests within alike_within on, they share a card.
inline constexpr std::size_t alike_from = 3;
inline constexpr Duration alike_within = std::chrono::seconds{60};
// Further ones begin another card: so many fill about one and a half screens of a phone.
inline constexpr std::size_t batch_rows_max = 8;

// What is the same in requests that are alike: rules, caller, action and environment. Unambiguous, and in the
// clear.
std::string alike_text(const Case& c);

// This is one request of a batch.
struct BatchRow {
    RequestId id;
    std::int64_t number = 0;
    bool open = false;                     // it can still be voted on
    std::vector<CardButton> buttons = {};  // what can be done about it alone, in order
    std::string what;    // what sets it apart: resource and intent; everything in it is visible
    std::string stands;  // how it stands, or how it ended; likewise
};
struct BatchView {
    BatchId id{BatchId::Bytes{}};
    std::string headline;  // "12 alike: db.export → production"
    std::string who;       // who asks, and under which rules
    std::vector<BatchRow> rows;
    std::string notification;  // one sentence that says it all; hostile
    std::size_t open() const;
};
// `cards` are its requests, at least one, in the order of their numbers.
BatchView batch_view(BatchId id, const std::vector<CardView>& cards);

}  // namespace countersign::core
