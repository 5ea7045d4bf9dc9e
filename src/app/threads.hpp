#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "countersign/app/requests.hpp"

namespace countersign::app {

// What the outbox knows about threads: where a request's cards are, which lines wait to be said there, and
// which were said where. Bookkeeping only; nothing here waits.
class Threads {
  public:
    static constexpr std::size_t places_max = 20'000;  // requests whose cards' places are remembered
    static constexpr std::int32_t attempts_max = 12;   // then a line that some card cannot take is dropped

    struct Place {
        core::CardId card;
        core::Surface surface;
        std::optional<MessageRef> message;  // nullopt: not posted yet; empty: never will be
    };
    // The lines of one request, taken out to be said.
    struct Work {
        core::RequestId request;
        std::vector<Errand> errands;
        CasePtr now;  // null: to be read
        core::Instant leased_until;
        std::int32_t attempts() const;
        // Whether one of the lines tells of new places for cards.
        bool reaches_further() const;
    };

    // ---- where cards are
    void opened(core::RequestId request, const std::vector<CardJob>& all_cards);
    void saw(const CardJob& job);
    void lost(core::RequestId request, core::CardId card);  // its message is gone, or it is not ours any more
    bool knows_places(core::RequestId request) const;
    void set_places(core::RequestId request, const std::vector<CardJob>& all_cards);
    std::vector<Place> places(core::RequestId request) const;
    static bool hopeless(const Place& place) { return place.message && place.message->message.empty(); }

    // ---- lines
    void add(Errand errand, const CasePtr& now, core::Instant leased_until);
    bool queue(core::RequestId request);  // true: lines wait, and it was not queued or under way before
    Work take(core::RequestId request);
    bool told(core::RequestId request);  // its task has ended; true: more lines have come
    // What is still to be said there, several lines as one; nullopt: nothing.
    std::optional<core::ThreadLine> line_for(const Work& work, const Place& place,
                                             const core::Directory& directory, core::Instant now) const;
    void said(const Work& work, core::CardId card);
    bool tired(const Work& work) const { return work.attempts() >= attempts_max; }
    void forget(const Work& work);
    std::size_t size() const { return waiting_.size(); }

  private:
    struct Places {
        bool complete = false;
        std::vector<Place> all;
    };
    struct Waiting {
        std::vector<Errand> errands;
        CasePtr now;
        core::Instant leased_until;
        bool queued = false;
        bool running = false;
    };
    Places& remember(core::RequestId request);

    std::unordered_map<core::RequestId, Places> places_;
    std::deque<core::RequestId> places_order_;
    std::unordered_map<core::RequestId, Waiting> waiting_;
    std::unordered_map<core::ErrandId, std::unordered_set<core::CardId>> said_;
};

}  // namespace countersign::app
