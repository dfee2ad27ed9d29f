# How lesion studies look. `resnet-plot --style MY.gp` takes a copy of this file instead. The pictures
# are drawn with these line styles:
#   1, 2, 3   one study: bars, bars of down-sampling blocks, the intact network
#   4         down-sampling, where it is marked without a bar
#   9         lines between stages
#   i1 .. i4  the i-th of several studies: line and means; down-sampling blocks; its intact network;
#             single trials

set encoding utf8
set border 3 linewidth 0.8 linecolor rgb '#444444'
set tics out nomirror scale 0.6 textcolor rgb '#444444'
set xtics autofreq
set grid ytics linewidth 0.5 linetype 1 linecolor rgb '#e4e4e4'
set key above right horizontal reverse Left noautotitle samplen 1.6 spacing 1.15 width -1 textcolor rgb '#222222' noopaque
set title textcolor rgb '#222222'
set xlabel textcolor rgb '#222222' offset 0,0.3
set ylabel textcolor rgb '#222222' offset 0.8,0
set datafile missing 'nan'
set lmargin 8
set rmargin 2.5
set boxwidth 0.8 absolute
set style fill solid 1 noborder
set style increment default

# Okabe and Ito's colours, which people who do not see all colours can tell apart.
array colour[7] = ['0072b2', 'd55e00', '009e73', 'cc79a7', 'e69f00', '56b4e9', '000000']
set style line 1 linecolor rgb '#0072b2' linewidth 1.2
set style line 2 linecolor rgb '#e69f00' linewidth 1.2
set style line 3 linecolor rgb '#000000' linewidth 1.3 dashtype (6, 3)
set style line 4 linecolor rgb '#666666' linewidth 1 pointtype 9 pointsize 0.9
set style line 9 linecolor rgb '#bbbbbb' linewidth 0.8
do for [i = 1:7] {
  set style line 10 * i + 1 linecolor rgb '#'.colour[i] linewidth 1.5 pointtype 7 pointsize 0.6
  set style line 10 * i + 2 linecolor rgb '#'.colour[i] linewidth 1 pointtype 9 pointsize 1.2
  set style line 10 * i + 3 linecolor rgb '#'.colour[i] linewidth 1.1 dashtype (6, 3)
  set style line 10 * i + 4 linecolor rgb '#70'.colour[i] linewidth 1 pointtype 7 pointsize 0.6
}

# Matrices: zero is white, both ends are dark and differ for everyone.
set palette defined (-1 '#08306b', -0.5 '#4a90c4', 0 '#ffffff', 0.5 '#e08a3c', 1 '#7f2704')
