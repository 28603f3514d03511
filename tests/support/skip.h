// How a test case says that it cannot run here.
#pragma once

#include <string>

namespace unionroot::tests {

// Ends the running test case as skipped. The program prints each skipped test case with its reason, and ends with
// status 77 if all of its test cases were skipped. Only for the thread that runs the test case.
[[noreturn]] void skip(const std::string& reason);

// Skips the test case unless the tests run as root.
void require_root(const std::string& what_for);

// For main(): prints the skipped test cases, tells ./check of them, and gives the program's exit status.
int report_skips(int status);

}  // namespace unionroot::tests
