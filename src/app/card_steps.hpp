#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "countersign/app/cards.hpp"

namespace countersign::app {

// One thing to do for a card of a request.
struct CardStep {
    enum class Act : std::uint8_t {
        read,         // the case, and the cards too where they are not known
        look,         // for messages that an earlier attempt may have left in the channel
        adopt,        // a message that no card has
        post,         // a message that shows the case
        edit,         // the message, so that it shows the case
        retire,       // the message: the channel has another one
        read_thread,  // for the lines that are in it
        list,         // in its batch: this has the batch show the case
        say,          // the lines of the entries from `from` to before `to`, in the thread
    };
    Act act = Act::read;
    core::CardId card{core::CardId::Bytes{}};
    CardTarget target = {};
    MessageRef message = {};   // but for read, look and post
    core::Instant since = {};  // look: not before
    std::int32_t from = 0;     // say
    std::int32_t to = 0;       // say
    bool first_try = false;    // post: nothing was tried before, so that it may join a batch instead
    std::optional<core::BatchId> batch = {};  // its message is this one's
};

// What became of a step.
struct CardAnswer {
    enum class How : std::uint8_t {
        done,
        gone,         // there is no such message any more
        unknown,      // it may have happened
        unavailable,  // nothing happened
        overloaded,   // nothing happened, and not before `not_before`
        held,         // nothing happened, and nothing is to before `not_before`: no failure
        refused,      // until somebody mends something
    };
    How how = How::done;
    std::vector<MessageRef> messages = {};  // look: those found; post: the one
    std::int32_t told = 0;                  // read_thread: entries that lines tell of
    std::optional<core::Instant> not_before = {};
    std::optional<core::BatchId> batch = {};  // post: nothing was posted, it joined this one
};
CardAnswer answer_of(const Failure& failure);

}  // namespace countersign::app
