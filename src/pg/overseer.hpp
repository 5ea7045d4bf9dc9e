#pragma once
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "countersign/rt/steady.hpp"

namespace countersign::pg {

// Another descriptor of a connection's socket, by which a thread may hang up while another one waits for an
// answer: it names this socket for as long as it is held, whatever libpq does with its own. Not thread-safe.
class Grip {
  public:
    Grip() = default;
    Grip(const Grip&) = delete;
    Grip& operator=(const Grip&) = delete;
    ~Grip() { release(); }
    void take(int socket);
    void release();
    void hang_up();

  private:
    int socket_ = -1;
};

class Overseer;

// One connection, as its overseer sees it.
class Overseen {
  public:
    explicit Overseen(Overseer& overseer);
    Overseen(const Overseen&) = delete;
    Overseen& operator=(const Overseen&) = delete;
    ~Overseen();
    void connected(int socket);
    void disconnected();

    // The server is asked, and answers: from construction to destruction.
    class Exchange {
      public:
        explicit Exchange(Overseen& connection);
        Exchange(const Exchange&) = delete;
        Exchange& operator=(const Exchange&) = delete;
        ~Exchange();
        // Says whether it took so long that the connection was shut down.
        bool cut() const;

      private:
        Overseen& connection_;
    };

  private:
    friend class Overseer;
    Overseer& overseer_;
    // These are looked at under the overseer's lock.
    Grip grip_;
    std::optional<rt::Steady> since_;
    bool cut_ = false;
};

// Shuts down the connection of an exchange that takes longer than `patience`. libpq would wait for ever for a
// server that neither answers nor hangs up: it is stopped, the way to it swallows everything, or a commit
// waits for a standby that is gone. Thread-safe.
class Overseer {
  public:
    explicit Overseer(std::chrono::milliseconds patience);
    ~Overseer();
    void stop();

  private:
    friend class Overseen;
    void watch();

    const std::chrono::milliseconds patience_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Overseen*> all_;
    bool stopping_ = false;
    std::thread thread_;  // last: it uses all of the above
};

}  // namespace countersign::pg
