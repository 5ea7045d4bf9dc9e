#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string_view>

#include "countersign/rt/later.hpp"

namespace countersign::rt {

// Runs one coroutine for its owner (a keep-alive, a sweep) and cancels it when the owner goes. Nobody waits
// for its end, so it must own or share all that it touches. An exception is logged under `name`.
class Background {
  public:
    Background() = default;
    Background(asio::any_io_executor executor, std::string_view name, asio::awaitable<void> task);
    Background(Background&&) noexcept = default;
    Background& operator=(Background&& other) noexcept;
    ~Background();
    void cancel();
    bool running() const;

  private:
    struct Run;
    struct Ending;
    std::shared_ptr<Run> run_;  // shared, because the signal must outlive both the owner and the coroutine
};

}  // namespace countersign::rt
