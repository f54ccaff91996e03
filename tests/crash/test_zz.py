from harness.crash_kinds import OTHERS
import random
def test_r(tmp_path_factory):
    s=OTHERS['alike']('alike', tmp_path_factory.mktemp('a')/'s'); s.begin()
    s.restore(); s.run(*s.command, kill=0); s.restore()
    n=len(s.run(*s.command, kill=0).calls); bad=[]
    pts=list(range(295,330,3))+random.sample(range(1,n),60)
    for k in pts:
        s.restore(); d=s.run(*s.command, kill=k); v=s.violation(d,killed=True)
        if v: bad.append((k,d.calls[-1],v[-700:]))
    print(n,len(pts)); assert not bad, "\n".join(map(str,bad))
