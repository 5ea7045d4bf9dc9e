#pragma once
#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "countersign/app/people.hpp"
#include "countersign/app/ports.hpp"
#include "countersign/app/vote_questions.hpp"

namespace countersign::app {

// A chat with all its sides: it speaks, knows people, tells one person something, and hears what people say.
class ConnectedChat : public Chat, public AccountSource, public Confidant, public VoteAsker {
  public:
    virtual core::Surface surface() const = 0;
    virtual const std::string& default_channel() const = 0;
    // Connects and stays connected, until cancelled. Never gives up: `problem` says what is wrong.
    virtual rt::asio::awaitable<void> run() = 0;
    virtual std::string problem() const = 0;  // and what to do about it; empty: people are heard
    // What works and is worth an administrator's look.
    virtual std::vector<std::string> notes() const { return {}; }
    // For metrics: connections over which people are heard now, and how long clicks and commands waited for
    // their acknowledgement, each as it is sent.
    virtual std::size_t connections() const { return 0; }
    virtual void on_acknowledged(std::function<void(core::Duration)>) {}
};

// The chats that this server speaks to. Which ones there are is settled while the server is built.
class Chats {
  public:
    struct Entry {
        core::Surface surface;
        Chat& chat;
        Confidant& confidant;
        std::string default_channel;  // for requests whose rules name none; may be empty
        VoteAsker* asker = nullptr;   // none: nobody can be asked there to confirm a vote
    };
    void add(Entry entry) { entries_.push_back(std::move(entry)); }
    // nullptr: this server does not speak to that chat.
    const Entry* find(core::Surface surface) const {
        auto found = std::ranges::find(entries_, surface, &Entry::surface);
        return found == entries_.end() ? nullptr : &*found;
    }
    std::vector<core::Surface> surfaces() const {
        std::vector<core::Surface> all;
        for (const auto& entry : entries_) all.push_back(entry.surface);
        return all;
    }
    auto begin() const { return entries_.begin(); }
    auto end() const { return entries_.end(); }

  private:
    std::vector<Entry> entries_;
};

}  // namespace countersign::app
