"""Two small HTJ2K codestreams, 20 columns by 24 rows, 16 bits, reversible, made with OpenJPH from :func:`pattern`."""

from __future__ import annotations

import base64

import numpy as np


def pattern() -> np.ndarray:
    """The encoded samples of UNSIGNED, shape (24, 20); SIGNED holds them minus 1024."""
    ramp = np.arange(24)[:, None] * 37 + np.arange(20)[None, :] * 91
    return (ramp * ramp) % 4096


UNSIGNED = base64.b85decode(
    "|4;u>04YEK0000K0000O00000000000000K0000O0000000000009pH0sl|{2mk^A000XAQUDA90ssL31q1{@0smY86Cj9?kdTm&"
    "kdTm&kdTmwh=~7W02crOPjF>!N>E53R%LP^FfKASE;BCwkN^q*00003k^lk!lfVEb1@Hw2bO68r62JfwzyK2f)d7ce0O$aRbO2ZK"
    "1BY|~zyK4#029Cf699fT`T`4d02sRb0s(XYE&KxqbO68r6|evWsQ>_108Kl(rd>&O@dx=rwE&oLM!4Dm6JAbE;=~38xMTx+H~_&4"
    "0$kaK7S!_x`GK_nzyKF(003RA00DOZ_TX3ZJJ-4&Fr58*!69$@>BSa#v42hL^~%uX12sO2E6mtFU%U{!Qu#TJJCr6H$UqUB0EcjA"
    "uIK?@f0?_??sztHL(XQ5FLO(d;FPajaR}l)sqsgNsx{H;nVJ3v4O8<$8^};2n*e|DRX)l8eU;a~@+n_@_@{63S`YcZ@A;fx^^aft"
    "{!=gg`Kv$j{$GAVwGMd{Q~X*eUP6Jfy#T-fFS6hO7uiq%3+s@v%#>KfGL~W`mYIU-Ol5kknU*P-hG}9EOWZV+X_-0}V~y#UhG}9Y"
    "R<UNfSThw<Ff~)hDwfsn6sBS7SYZmL#hU4{X1Z8mTBeDWSYsNdW-3$40)3`t8m3|jri=AhWh$m&3Z{#dSj3WPnZneuicr15RHkNH"
    "teD0Wro<u^nTjcxl4+PC7GgCPOu-v0nC8@2zA~0xm8o8VDX)(8E13Q&raFabowmYi?*VhVR#4OjuRX>+A)yeYNujEEXu=9WAqqe-"
    "odK~Ht4z-nv5YlSW5qN~&(us63$egdu@noYF_kH?!j!QRtFaafOc6^=Wh&E{7AsRsGtIPE$C7EWjuq3H#?)9djcH6}YAl%&i&)1h"
    "R!oZpQ^kTQv5qBEV<8rpim92NX=0VBVm+3bg6U($)L6wLR+ustVv%W>K9*yRDVaVNVkuTkiA5}#8Y`wTb*yX6G(a=02(g4Gra=*="
    "?Ifm^Jyy_(1;S%h=>S33BZpXEh_$$rib+)7yb#qcT84}?Qh)$LfR~>E|9Ag;fB%2K|9k&@-~WBz|9<~}{r`XWzyE)K|9}5|zyEvx"
    "f6xDX-~W3*|8sx;cYptXfB$oT|9Ag?U;lsqe*b^}U;lsK|9}5~{qKMOd;fp?-~WHV|95}?cmI9A{@4F~fB%2K|9gM_um5>}{@4G1"
    "pZ|To|9Ag;zyE*#e$W4ZzyEtb|9Ag>-~WF9fAjx;|9{8!0Aoc$IDEW4wyjM(w(M_ScKGYI!*5GCq=f?x89>(20{__"
)
SIGNED = base64.b85decode(
    "|4;u>04YEK0000K0000O00000000000000K0000O000000000000EBy0sl|{2mk^A000XAQUDA90ssL31q1{@0smY86Cj9?kdTm&"
    "kdTm&kdTmwh=~7W02crOPjF>!N>E53R%LP^FfKASE;BCwkN^q*00003kpKbzlfVEa_yUJ?0KfnezyK1!022V!0f%$|=m3Xw09Wz@"
    "hjakI029Cf6Tkoy0Dd<50t<8i7`prd0dxQ@`~wGc0KfnhumA<A00372O*^`#T}gHE2l+y^0GM$`xY_{|UQSNp#0CYpWCMFR0Kp0Z"
    "T-k;e)bj`Vfwcg@02gZj09~vA0e1lQ;8*iI*Sa4toc(&iA#eKW#TI$7e@*N4%FyHkH9m_g%-B9(yb!!n`8ka{lqMU<KoOe&hj3@E"
    "=mB4UnY+yHcs6rG&Ss1+b4!lkl&@WJ2;x1d@kfcOHPP#tnf?b2Q}aO^$WSAj0DtjSKFR-mmDj%VDPMf}r*HCF5Bb0E`J7+%k6--$"
    "Q!oAbt3UGoUw%Th4tW$){8}hpLV>Zp0Kfn*vfuz0*-!ur>yWX`lvu<vmSQEAnS$v|WqPccmMNHqX<`ve+%%MFnK~9@jp>+%X<{W-"
    "v1YnhGZj-XHB-kbmeubRreW$>VG5?jn(47-x>#XariqnUV;ZJrDpSe=eWqp_reX@Fi}hG#DyCryri+zW#FA;5!ql;fP`$xare<2K"
    "n8p;Q#3B}%iYb_qX_z7wVl@^_!5b`?=G0ieGL~MIsa}C8ua5OAnEooJI)!PSw!&)f0du-mP}B#nJ;psDp%A1=p{jUj!U{kk3P3TP"
    "0kIaVOwSatj5SkZ#WYOM)Jzo%vA|TZ6bq&?l_{~pl(7=4u@(zV5lc*ED$|%2D^pA}&9qp@l4-Gy71No<)L1i(X-s8mESVCESjQ?>"
    "Op66m#eylZjwMrLAr_d5shOT>VwI_4J(ih*>0`yzSj8e%m@*b(k!hGdmSc@6nLZX`DOOC0MJ$;bE2c4ZtZU6QKr^ifv4kh4K@q0y"
    "B&L-;R?vwB!edqG072Iyhge{UwYZatNmSmv5Y;YPhKw{)fB-^(m!ARucmI2T|9`*#d;fgj|9#*8e*b^{|9|(t|9^k~fB${I|9k&`"
    "&;NYi|9e0GbASJLfB%1f|8sx;cmIE1|9}5}|9}5q|9{{AfB%2|?|=V$|9|`6|9`*#cYptP|9!vy*Z+Ng|9`*#dw>3~|9OA@*Z+T?"
    "|9!vzcmI38|9}5}&;NhF|9e0GcmICh|9<~}^Z$SUf5-L!V?{zZe7rrjtxY_(>~CIn`0KXAZ%a6&g#!*5K-SR$|Je"
)
