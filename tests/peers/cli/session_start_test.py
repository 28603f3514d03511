"""Ids of sessions are short, and the start of one names it, where nothing has that very name; but never to what ends a session."""

import json
import os
import subprocess
import unittest

import unionroot_testing as testing
from unionroot_testing import EndToEndTest

OWNER = "games"
OTHER = "nobody"


class SessionStarts(EndToEndTest):
    @classmethod
    def prepare(cls):
        for name in ("small", "small-two", "gone"):
            cls.machine.define_tree(name, testing.small_tree(), users=f"{OWNER},{OTHER}", profile="minimal")
        tree = os.path.join(cls.machine.place, "own")  # a source session writes to it
        subprocess.run(["cp", "-aT", testing.small_tree(), tree], check=True)
        cls.machine.define_tree("own", tree, profile="minimal")

    def tearDown(self):
        self.machine.run("end", "--all", "--force")
        self.assert_nothing_left()

    def ids(self):
        return {session["id"] for session in self.machine.sessions()}

    def begin(self, *names, user=OWNER, chroot="small"):
        for name in names:
            self.machine.begin(chroot, name, user=user)

    def refused(self, *arguments, fragments=(), user=OWNER):
        self.assert_refused(self.machine.run(*arguments, user=user), 125, *fragments)

    def test_ids_are_short(self):
        source = self.machine.begin("source:own")
        self.machine.ok("end", source)
        ids = [self.machine.begin("small", user=OWNER) for _ in range(5)]
        for session in [source.replace("own", "small"), *ids]:
            self.assertRegex(session, r"^small-[a-km-np-z2-9]{8}$")
        self.assertEqual(self.ids(), set(ids))

    def test_what_looks_takes_a_start(self):
        session = self.machine.begin("small", user=OWNER)
        for start in (session[:8], session[:-1], "session:" + session[:9], session):
            with self.subTest(start):
                self.assertEqual(self.machine.inside(start, "sh", "-c", "echo $UNIONROOT_SESSION", user=OWNER), session)
                self.assertEqual(json.loads(self.machine.ok("info", "--json", start, user=OWNER))["id"], session)
                self.assertIn(session, self.machine.ok("location", start, user=OWNER))
                self.machine.ok("diff", start, user=OWNER)
        self.machine.ok("end", "session:" + session, user=OWNER)
        self.assertEqual(self.ids(), set())

    def test_what_ends_or_changes_takes_whole_ids_alone(self):
        """As a trap or a second try has them, when the session has ended already."""
        self.begin("job-1", "job-10")
        self.machine.inside("session:job-10", "touch", "/kept")
        self.machine.ok("end", "job-1", user=OWNER)
        for user in (OWNER, "root"):
            changing = [["recover", "--accept-source"]] if user == "root" else []
            for verb in (["end"], ["end", "--force"], ["end", "--discard"], ["recover"], ["reset"], *changing):
                for name in ("job-1", "session:job-1", "job"):
                    with self.subTest((user, verb, name)):
                        self.refused(*verb, name, user=user, fragments=[
                            "no session " + name.removeprefix("session:"), "a session id begins with it: job-10; give the whole id"])
        self.assertEqual(self.ids(), {"job-10"})
        self.assertTrue(os.path.exists(os.path.join(self.machine.ok("location", "job-10", user=OWNER).strip(), "kept")))
        answer = self.machine.run("end", "--json-errors", "job-1", user=OWNER)
        error = json.loads(answer.err)["error"]
        self.assertEqual((answer.status, error["name"]), (125, "NoSuchSession"), error)
        self.assertIn("job-10", error["hint"])

    def test_of_several_each_is_tried_and_no_other(self):
        self.begin("job-1", "job-10", "job-2")
        result = self.machine.run("end", "--force", "job-1", "job-1", "job-", "job-2", user=OWNER)
        self.assertEqual((result.status, result.out), (125, ""), result)
        self.assertIn("no session job-\n", result.err)
        self.assertEqual(self.ids(), {"job-10"})

    def test_a_whole_name_comes_first(self):
        self.begin("job", "job-1", "job-1-more")
        self.machine.ok("end", "job-1", user=OWNER)
        self.assertEqual(self.ids(), {"job", "job-1-more"})
        self.machine.ok("end", "--force", "job", user=OWNER)
        self.assertEqual(self.ids(), {"job-1-more"})
        # A chroot's name, too, whatever sessions begin so.
        self.begin("small-twofold", user="root")
        self.assertEqual(self.machine.inside("small-two", "sh", "-c", "echo $SCHROOT_CHROOT_NAME"), "small-two")
        self.assertEqual(json.loads(self.machine.ok("info", "--json", "small-two"))["kind"], "chroot")

    def test_the_start_of_several_is_an_error_that_names_them(self):
        self.begin("job-a1", "job-a2", "job-b1")
        for verb in (["location", "session:job-a"], ["run", "-d", "/", "session:job-a", "--", "true"],
                     ["diff", "job-a"], ["info", "session:job-a"]):
            self.refused(*verb, fragments=["is the start of the ids of 2 sessions", "job-a1, job-a2"])
        for verb in (["end", "job-a"], ["end", "--force", "job-a"], ["recover", "job-a"]):
            self.refused(*verb, fragments=["no session job-a", "session ids begin with it: job-a1, job-a2; give the whole id"])
        self.assertEqual(self.ids(), {"job-a1", "job-a2", "job-b1"})

    def test_starts_that_are_too_short_or_of_nobody(self):
        self.begin("job-a1")
        for start in ("jo", "j", "x", "job-a1x", "ob-a1"):
            self.refused("location", start, fragments=["no session " + start])
            self.refused("end", start, fragments=["no session " + start, "list --sessions"])
            self.refused("run", "-d", "/", start, "--", "true", fragments=[f"'{start}'", "and no session"])
        self.assertEqual(self.ids(), {"job-a1"})

    def test_a_bare_name_in_run_goes_beyond_the_chroots(self):
        session = self.machine.begin("gone", user=OWNER)
        self.begin("build-1")
        for start in ("gon", "build", "build-"):
            self.refused("run", "-d", "/", start, "--", "true", fragments=["and no session"])
            self.refused("info", start, fragments=["and no session"])
        self.assertEqual(self.machine.inside("session:build", "sh", "-c", "echo $UNIONROOT_SESSION", user=OWNER), "build-1")
        self.assertEqual(self.machine.inside(session[:7], "sh", "-c", "echo $UNIONROOT_SESSION", user=OWNER), session)

    def test_sessions_of_others_are_not_meant(self):
        self.begin("job-a1")
        self.begin("job-b1", user=OTHER)
        self.assertIn("job-a1", self.machine.ok("location", "job", user=OWNER))
        self.machine.ok("end", "job-a1", user=OWNER)
        for verb in ("location", "end"):
            answer = self.machine.run(verb, "job", user=OWNER)
            self.assert_refused(answer, 125, "no session job")
            self.assertNotIn("job-b1", answer.err)
        self.begin("job-c1")
        # Root means everybody's, but for a bare name in run.
        for verb in ("location", "end"):
            self.assert_refused(self.machine.run(verb, "job-"), 125, "job-b1, job-c1")
        session = self.machine.begin("small", user=OTHER)
        self.assert_refused(self.machine.run("run", "-d", "/", session[:9], "--", "true"), 125, "and no session")
        self.assertEqual(self.machine.inside("session:" + session[:9], "id", "-u"), "0")
        self.assertEqual(self.ids(), {"job-b1", "job-c1", session})

    def test_a_long_list_is_cut(self):
        self.begin(*(f"many-{number}" for number in range(10)))
        for verb, words in (("location", "is the start of the ids of 10 sessions: "), ("end", "session ids begin with it: ")):
            result = self.machine.run(verb, "many", user=OWNER)
            self.assertIn(words + "many-0, many-1", " ".join(result.err.split()))
            self.assertIn("many-7, ...", result.err)
            self.assertNotIn("many-8", result.err)

    def test_a_session_of_an_older_version_has_its_id(self):
        old = "small-01234567-89ab-4cde-8f01-23456789abcd"
        self.begin(old)
        self.machine.stop_daemon()
        self.machine.start_daemon()
        self.assertEqual(self.machine.inside("small-0123", "sh", "-c", "echo $UNIONROOT_SESSION", user=OWNER), old)
        self.machine.ok("end", old, user=OWNER)


if __name__ == "__main__":
    testing.main()
