/**
 * What WhatsApp writes into an export in place of something else, in the languages it is translated into. Tables only;
 * kinds.ts looks phrases up here after `foldPhrase`. The wording is WhatsApp's own and changes between versions, so several
 * variants of one language stand side by side. A phrase that is missing here is taken for text.
 */
import type { MediaKind } from '../../types.ts';
import { foldPhrase } from './characters.ts';

/** `media`: WhatsApp does not tell which kind. */
export type OmittedKind = MediaKind | 'media';

const omitted: Record<OmittedKind, string> = {
  media: `
    Media omitted|Media weggelaat|تم استبعاد الوسائط|Media çıxarılmışdır|Media buraxıldı|Без файл|মিডিয়া বাদ দেওয়া হয়েছে|Mitjans omesos|Fitxers multimèdia omesos
    Média vynechány|Média vynechána|Mediefil udeladt|Medier udeladt|Medien ausgeschlossen|Medien weggelassen|Εξαίρεση πολυμέσων|Αρχείο παραλήφθηκε
    Multimedia omitido|Archivo omitido|Meedia ära jäetud|Meedia välja jäetud|رسانه حذف شد|پيوست نما/آهنگ حذف شد|Media jätettiin pois|Media jätetty pois
    Médias omis|Fichier omis|મીડિયા અવગણાયું|મીડિયા અવગણવામાં આવ્યા|मीडिया के बिना|Medijski zapis izostavljen|Hiányzó médiafájl|Média elhagyva
    Media tidak disertakan|Media omessi|Media omesso|המדיה לא נכללה|מדיה הושמטה|メディアなし|メディアは含まれていません|Файл қосылған жоқ|Файлдар қосылмаған
    ಮಾಧ್ಯಮ ಕೈಬಿಡಲಾಗಿದೆ|ಮೀಡಿಯಾ ಕೈಬಿಡಲಾಗಿದೆ|미디어 파일 제외됨|미디어 파일을 생략한 대화내용|ບໍ່ລວມມີເດຍ|Medija praleista|Praleistas medijos turinys|Bez multivides
    Nav iekļauta multivide|Без фајл|Без фајлови|മീഡിയ ഒഴിവാക്കി|मीडिया वगळण्यात आला|मीडिया वगळले|Media dikecualikan|Media disingkirkan|Media utelatt
    Uten vedlegg|Media weggelaten|ਮੀਡੀਆ ਛੱਡਿਆ|ਮੀਡੀਆ ਛੱਡਿਆ ਗਿਆ|Pominięto multimedia|Pliki pominięto|Mídia oculta|Arquivo de mídia oculto|Mídia omitida|Ficheiro não revelado
    Conținut media omis|Без медиафайлов|Файл пропущен|Медиа скрыто|Médiá vynechané|Médiá boli vynechané|Datoteke izpuščene|Medij izpuščen|Media u hoq|Media hequr
    Медији су изостављени|Media har utelämnats|Media utelämnat|Media hazijajumuishwa|Media imerukwa|கோப்புகள் விடப்பட்டன|ஊடகங்கள் நீக்கப்பட்டது
    మీడియా విస్మరించబడింది|మాధ్యమం విస్మరించబడింది|ไฟล์สื่อถูกลบ|สื่อถูกลบ|ไม่รวมสื่อ|Walang kalakip na media|Inalis ang media|Medya dahil edilmedi|Medya atlanmış|Медіа пропущено
    میڈیا چھوڑ دیا گیا|میڈیا ہٹا دیا گیا|Fayl o‘tkazib yuborildi|Bỏ qua tệp phương tiện|Bỏ qua Media|忽略多媒體檔|省略多媒體檔案|省略多媒体文件|忽略多媒体文件|媒体省略
    View once message omitted|View once photo omitted|View once video omitted`,
  image: `
    image omitted|photo omitted|התמונה הושמטה|изображение отсутствует|image absente|immagine omessa|imagem não revelada|imagem ocultada|imagem omitida|imagen omitida
    εικόνα παραλείφθηκε|зображення відсутнє|Bild weggelassen|Bild ausgeschlossen|لم يتم إدراج الصورة|ইমেজ বাদ দেওয়া হয়েছে|圖片已略去|圖像已省略|照片已忽略|图片已忽略|圖片已忽略
    đã bỏ qua hình ảnh|تصویر نکال دی گئی ہے|görüntü dahil edilmedi|resim dahil edilmedi|ไม่มีรูปภาพ|bild utesluten|bild har utelämnats|obrázok vynechaný|obraz pominięty
    pominięto obraz|imagine omisă|afbeelding weggelaten|bilde ikke inkludert|bilde utelatt|imej tidak dimasukkan|इमेज वगळली|이미지 생략됨|사진 생략됨|사진 제외됨
    画像は含まれていません|kép küldése sikertelen|kép kihagyva|gambar tidak disertakan|slika izostavljena|फ़ोटो हटाई गई|છબી પડતી મૂકાઈ|íomhá ligthe ar lár|ei kuvaa
    kuva jätettiin pois|تصویر حذف شد|billede udeladt|obrázek vynechán|imatge omesa`,
  video: `
    video omitted|video note omitted|video message omitted|GIF omitted|סרטון הווידאו הושמט|הסרטון הושמט|видео отсутствует|vidéo absente|vidéo omise|video omesso
    vídeo não revelado|vídeo omitido|vídeo ocultado|video omitido|βίντεο παραλείφθηκε|відео відсутнє|Video weggelassen|Videonachricht weggelassen|Videonotiz weggelassen
    لم يتم إدراج الفيديوهات|لم يتم إدراج الفيديو|ভিডিও বাদ দেওয়া হয়েছে|影片已略去|影片已省略|视频已忽略|đã bỏ video|đã bỏ qua video|ویڈیو نظرانداز|video dahil edilmedi
    video notu dahil edilmedi|วิดีโอถูกลบ|ไม่มีวิดีโอ|video utesluten|video har utelämnats|video vynechané|wideo pominięte|pominięto wideo|clip video omis|video weggelaten
    video utelatt|video tidak dimasukkan|व्हिडीओ वगळला|비디오 생략됨|동영상 생략됨|동영상 제외됨|ビデオは含まれていません|動画は含まれていません|videó kihagyva|video tidak disertakan
    video izostavljen|वीडियो छोड़ा गया|वीडियो हटाया गया|વિડિયો પડતી મુકાઈ|físeán ligthe ar lár|videota ei sisällytetä|video jätettiin pois|ویدیو حذف شد|video udeladt
    video vynecháno|vídeo omès|GIF הושמט|GIF отсутствует|GIF retiré|GIF omis|GIF esclusa|GIF non inclusa|GIF não revelada|GIF omitido|GIF omitida|παράληψη GIF
    GIF-анімацію пропущено|GIF weggelassen|لم يتم إدراج صورة GIF|জিআইএফ বাদ দেওয়া হয়েছে|GIF 已略去|GIF 圖片已被省略|GIF 动态图已被忽略|đã bỏ qua ảnh GIF|GIF نظرانداز
    GIF dahil edilmedi|ละเว้น GIF|GIF utesluten|GIF vynechaný|plik GIF pominięty|GIF weggelaten|GIF utelatt|GIF tidak dimasukkan|GIF वगळले|GIF 생략됨|GIFは含まれていません
    GIF fájl kihagyása|GIF tidak disertakan|GIF izostavljen|GIF छोड़ा गया|GIF પડતી મૂકાઈ|GIF ligthe ar lár|GIF-animaatio jätetty pois|GIF حذف شد|GIF udeladt
    GIF vynechán|GIF omès`,
  voice: `
    audio omitted|voice message omitted|View once voice message omitted|קטע קול הושמט|ההודעה הקולית הושמטה|аудиофайл отсутствует|audio omis|audio omesso
    ficheiro de áudio não revelado|áudio ocultado|áudio omitido|audio omitido|ήχος παραλείφθηκε|аудіо відсутнє|Audio weggelassen|Audio nicht enthalten
    لم يتم إدراج المقاطع الصوتية|لم يتم إدراج المقطع الصوتي|অডিও বাদ দেওয়া হয়েছে|音訊已略去|音訊已省略|音频已忽略|语音已忽略|bỏ qua tệp âm thanh|آڈیو نظرانداز|ses dahil edilmedi
    sesli mesaj dahil edilmedi|ไม่มีไฟล์เสียง|ljud utelslutet|ljud uteslutet|ljud har utelämnats|zvuk vynechaný|audio pominięte|pominięto audio|fără audio|audio weggelaten
    lyd utelatt|audio tidak dimasukkan|ऑडिओ वगळला|오디오 생략됨|오디오 제외됨|音声は含まれていません|hang kihagyása|audio tidak disertakan|zvuk izostavljen|ऑडियो हटाई गयी
    ऑडियो हटाया गया|ઓડિયો ફાઇલ શામેલ કરી નથી|comhad fuaime ar lár|äänitiedostoa ei sisällytetä|ääni jätettiin pois|صدا حذف شد|lyd udeladt|zvukový soubor vynechán
    àudio omès|Il messaggio vocale visualizzabile una volta è stato omesso`,
  sticker: `
    sticker omitted|סטיקר הושמט|стикер не добавлен|sticker omis|autocollant omis|sticker non incluso|sticker não revelado|sticker omitido|figurinha omitida
    αυτοκόλλητο παραλήφθηκε|Наклейку не додано|Sticker weggelassen|تم حذف الملصقات|لم يتم إدراج الملصق|স্টিকার বাদ দেওয়া হয়েছে|貼圖已略去|貼圖已忽略|贴图已省略|贴图已忽略
    đã bỏ sticker|đã bỏ qua nhãn dán|اسٹیکر نظرانداز|Çıkartma dahil edilmedi|ไม่มีสติกเกอร์|sticker utesluten|nálepka vynechaná|pominięto naklejkę|sticker weggelaten
    klistremerke utelatt|pelekat tidak disertakan|स्टिकर वगळले|스티커 제외됨|스티커 생략됨|スタンプは含まれていません|matrica kihagyva|stiker tidak disertakan
    naljepnica izostavljena|स्टिकर छोड़ा गया|સ્ટીકર પડતું મુકાયું|fágadh an greamán ar lár|tarraa ei sisällytetty|استیکر حذف شد|klistermærke udeladt|nálepka vynechána
    adhesiu omès`,
  file: `
    document omitted|file omitted|מסמך הושמט|документ отсутствует|document manquant|documento omesso|documento não revelado|documento omitido|έγγραφο παραλείφθηκε
    документ пропущено|Dokument weggelassen|لم يتم إدراج المستند|ডকুমেন্ট বাদ দেওয়া হয়েছে|文件已略去|文件已忽略|文档已省略|đã bỏ qua tài liệu|دستاویز نظرانداز|belge dahil edilmedi
    ละเว้นเอกสาร|dokument uteslutet|dokument vynechaný|dokument pominięty|document omis|document weggelaten|utelatt dokument|dokumen tidak dimasukkan
    डॉक्युमेंट वगळले|문서 생략됨|ドキュメントは含まれていません|dokumentum kihagyva|dokumen tidak disertakan|dokument izostavljen|डॉक्यूमेंट छोड़ा गया
    ડોક્યુમેન્ટ સામેલ કર્યું નહિ|cáipéis ligthe ar lár|dokumenttia ei sisällytetä|سند حذف شد|dokument udeladt|dokument vynechán|document omès`,
  contact: `
    Contact card omitted|כרטיס איש קשר הושמט|Карточка контакта отсутствует|Fiche contact manquante|Carte de contact omise|Scheda contatto omessa|Contacto não revelado
    Cartão do contato omitido|Tarjeta de contacto omitida|Η κάρτα επαφής παραλήφθηκε|Картка контакту відсутня|Kontaktkarte ausgelassen|Kontaktkarte weggelassen
    لم يتم إدراج بطاقة جهة اتصال|পরিচিতির কার্ড বাদ দেওয়া হয়েছে|聯絡人卡片已略去|聯絡人卡片已省略|联系人卡片已忽略|Bỏ qua thẻ liên lạc|رابطہ کارڈ نظر انداز|Kişi kartı dahil edilmedi
    บัตรรายชื่อที่ละเว้น|Kontaktkort uteslutet|Karta kontaktu vynechaná|Pominięta wizytówka kontaktu|Carte de vizită contact omisă|Visitekaartje weggelaten
    Kontaktkort sløyfet|Kad kenalan tidak dimasukkan|संपर्क कार्ड वगळले|연락처 카드 생략됨|連絡先カードを省略|Névjegykártya kihagyva|Kartu kontak tidak disertakan
    Posjetnica izostavljena|कॉन्टैक्ट कार्ड छोड़ा गया|સંપર્કનું કાર્ડ પડતું મૂકાયું|Cárta teagmhála ar lár|Yhteystietokortti jätettiin pois|برگ مخاطب حذف شد|Kontaktkort udeladt
    Vizitka vynechána|Targeta de contacte omesa`,
  location: `
    live location shared|locație în timp real distribuită|Геоданные отправлены|posizione attuale condivisa|Ubicació en directe compartida|byla sdílena aktuální poloha
    共享实时位置|實時位置已分享|Lokasi terkini dibagikan|ライブロケーション共有|live placering delt|משתף מיקום בשידור חי|lokasi terkini dikongsi|localização atual compartilhada
    लाइव स्थान साझा किया गया|udostępniona transmisja położenia|vị trí hiện thời được chia sẻ|liveposition delad|Mevcut konum paylaşıldı|ตำแหน่งปัจจุบันถูกแบ่งปัน
    posisjon i sanntid delt|live-sijainti jaettu|Localisation en direct partagée|ubicación en tiempo real compartida|live locatie gedeeld|Live-Standort wird geteilt
    Live-Standort geteilt|공유한 실시간 위치|تمت مشاركة الموقع المباشر|геодані надіслано`,
};

const deleted = `
  This message was deleted|You deleted this message|This message was deleted by an admin|You deleted this message as admin|This message was deleted by admin
  הודעה זו נמחקה|מחקת הודעה זו|מחקת את ההודעה הזו|Данное сообщение удалено|Сообщение удалено|Вы удалили данное сообщение|Вы удалили это сообщение
  Ce message a été supprimé|Vous avez supprimé ce message|Questo messaggio è stato eliminato|Hai eliminato questo messaggio|Esta mensagem foi apagada
  Esta mensagem foi apagada pelo remetente|Mensagem apagada|Apagou esta mensagem|Você apagou esta mensagem|Se eliminó este mensaje|Eliminaste este mensaje
  Este mensaje fue eliminado|Αυτό το μήνυμα διαγράφηκε|Διαγράψατε αυτό το μήνυμα|Διαγράψατε το μήνυμα|Це повідомлення було видалено|Ви видалили це повідомлення
  Diese Nachricht wurde gelöscht|Du hast diese Nachricht gelöscht|تم حذف هذه الرسالة|لقد حذَفت هذه الرسالة|أنت حذفت هذه الرسالة|حذفت هذه الرسالة
  এই মেসেজটি বাদ দেওয়া হয়েছে|আপনি এই মেসেজটি বাদ দিয়েছেন|এই বার্তাটি মুছে ফেলা হয়েছে|此訊息已刪除|您已刪除此訊息|这条消息已被删除|您已删除这条消息|信息已删除|此消息已删除|你已删除此消息
  Tin nhắn này đã bị xóa|Tin nhắn này đã bị xoá|Bạn đã xóa tin nhắn này|Bạn đã xoá tin nhắn này|یہ میسج حذف کر دیا گیا ہے|آپ نے یہ میسج حذف کر دیا ہے|یہ پیغام حذف کیا گیا
  Bu mesaj silindi|Bu mesajı sildiniz|ข้อความนี้ถูกลบ|ข้อความนี้ถูกลบแล้ว|ข้อความนี้ได้ถูกลบ|คุณได้ลบข้อความนี้|คุณลบข้อความนี้|Det här meddelandet raderades
  Detta meddelande raderades|Detta meddelande togs bort|Det här meddelandet togs bort|Du har tagit bort meddelandet|Du raderade det här meddelandet|Du raderade detta meddelande
  Du tog bort detta meddelande|Táto správa bola odstránená|Túto správu ste odstránili|Ta wiadomość została usunięta|Usunięto tę wiadomość|Usunąłeś(-ęłaś) tę wiadomość
  Usunąłeś(aś) tę wiadomość|Acest mesaj a fost șters|Ați șters acest mesaj|Dit bericht is verwijderd|U hebt dit bericht verwijderd|Je hebt dit bericht verwijderd
  Denne meldingen ble slettet|Du slettet denne meldingen|Mesej ini telah dipadam|Anda telah memadamkan mesej ini|हा मेसेज हटवण्यात आला|तुम्ही हा मेसेज हटवला
  이 메시지는 삭제되었습니다|삭제된 메시지입니다|삭제한 메시지입니다|이 메시지를 삭제했습니다|このメッセージは削除されました|このメッセージを削除しました|Ez az üzenet törlésre került
  Ezt az üzenetet törölted|Törölted ezt az üzenetet|Pesan ini dihapus|Pesan ini telah dihapus|Anda menghapus pesan ini|Anda telah menghapus pesan ini
  Ova je poruka izbrisana|Ova poruka je izbrisana|Izbrisali ste ovu poruku|यह मैसेज डिलीट किया गया|यह मैसेज डिलीट कर दिया गया है|यह मैसेज डिलीट कर दिया गया|आपने यह मैसेज डिलीट किया
  यह संदेश मिटाया गया|આ મેસેજ ડિલીટ કરાયો|તમે આ મેસેજ ડિલીટ કર્યો|Scriosadh an teachtaireacht seo|Scrios tú an teachtaireacht seo|Tämä viesti poistettiin
  Poistit tämän viestin|این پیام حذف شده است|این پیام حذف شد|شما این پیام را حذف کردید|Denne besked er blevet slettet|Denne besked blev slettet|Du har slettet denne besked
  Du slettede denne besked|Tato zpráva byla smazána|Tato zpráva byla odstraněna|Tuto zprávu jste smazal/a|Tuto zprávu jste odstranil/a|Aquest missatge s'ha suprimit
  Has suprimit aquest missatge|Aquest missatge està esborrat|Itong mensahe ay binura na|Šī ziņa tika izdzēsta|Бұл хат жойылды|Ushbu xabar o‘chirildi
  To sporočilo je bilo izbrisano|Ujumbe huu ulifutwa|இத்தகவல் திரும்பப்பெறப்பட்டது|Ši žinutė buvo ištrinta|See sõnum on kustutatud|Съобщението беше изтрито
  Тази съобщение беше изтрито|Hierdie boodskap was uitgevee|Bu ismarıc silindi|ഈ സന്ദേശം ഇല്ലാതാക്കിയതാണ്|Оваа порака беше избришана|ಈ ಸಂದೇಶವು ಅಳಿಸಲ್ಪಟ್ಟಿದೆ
  Ова порука је обрисана|ਇਸ ਸੁਨੇਹੇ ਨੂੰ ਹਟਾਇਆ ਗਿਆ`;

const edited = `
  This message was edited|Diese Nachricht wurde bearbeitet|Se editó este mensaje|Ce message a été modifié|Mensagem editada|Esta mensagem foi editada
  Questo messaggio è stato modificato|Dit bericht is bewerkt|Detta meddelande redigerades|Meddelandet redigerades|Denne meldingen ble redigert
  Denne besked blev redigeret|Beskeden blev redigeret|Tätä viestiä muokattiin|Ta wiadomość została zmieniona|Wiadomość edytowana|Tato zpráva byla upravena
  Táto správa bola upravená|Acest mesaj a fost editat|Сообщение изменено|Данное сообщение изменено|Повідомлення відредаговано|Це повідомлення відредаговано
  Bu mesaj düzenlendi|תוקנה|ההודעה נערכה|הודעה זו נערכה|تم تعديل هذه الرسالة|این پیام ویرایش شد|यह मैसेज एडिट किया गया|ข้อความนี้ถูกแก้ไข|ข้อความนี้ถูกแก้ไขแล้ว
  Pesan ini diedit|Mesej ini telah diedit|Tin nhắn này đã được chỉnh sửa|이 메시지는 수정되었습니다|このメッセージは編集されました|已编辑此消息|此消息已编辑|此訊息已編輯|Ez az üzenet szerkesztve lett
  Ova je poruka uređena|To sporočilo je bilo urejeno|Това съобщение беше редактирано|Ова порука је измењена|Αυτό το μήνυμα έχει υποστεί επεξεργασία|S'ha editat aquest missatge`;

const calls = `
  Missed voice call|Missed video call|Missed group voice call|Missed group video call|Missed call|Silenced voice call|Silenced video call|שיחה קולית שלא נענתה|שיחת וידאו שלא נענתה
  Пропущенный аудиозвонок|Пропущенный видеозвонок|Пропущенный звонок|Appel vocal manqué|Appel vidéo manqué|Chiamata vocale persa|Videochiamata persa|Chamada de voz perdida
  Chamada de vídeo perdida|Videochamada perdida|Llamada perdida|Llamada de voz perdida|Videollamada perdida|Αναπάντητη φωνητική κλήση|Αναπάντητη κλήση|Αναπάντητη βιντεοκλήση
  Пропущений аудіодзвінок|Пропущений відеодзвінок|Verpasster Sprachanruf|Verpasster Videoanruf|Verpasster Anruf|مكالمة صوتية فائتة|مكالمة فيديو فائتة|ভয়েস কল মিস করেছেন
  ভিডিও কল মিস করেছেন|未接語音通話|未接语音通话|未接視像通話|未接視訊通話|未接视频通话|Cuộc gọi nhỡ|Cuộc gọi thoại nhỡ|Cuộc gọi nhỡ video|Cuộc gọi video nhỡ|مسڈ وائس کال|مسڈ ویڈیو کال
  Cevapsız sesli arama|Cevapsız görüntülü arama|สายที่ไม่ได้รับ|วิดีโอคอลที่ไม่ได้รับ|Missat röstsamtal|Missat videosamtal|Missat samtal|Zmeškaný hovor|Zmeškaný hlasový hovor
  Zmeškaný videohovor|Nieodebrane poł. głosowe|Nieodebrane poł. wideo|Nieodebrane połączenie|Nieodebrane połączenie głosowe|Nieodebrane połączenie wideo|Apel vocal ratat
  Apel video ratat|Apel vocal nepreluat|Apel video nepreluat|Gemist spraakgesprek|Gemiste spraakoproep|Gemiste oproep|Gemist videogesprek|Gemiste video-oproep|Tapt taleanrop
  Tapt videoanrop|Panggilan suara terlepas|Panggilan video terlepas|मिस्ड व्हॉइस कॉल|मिस्ड व्हिडिओ कॉल|부재중 전화|부재중 음성통화|부재중 음성 통화|부재중 영상통화|부재중 영상 통화
  音声通話不在着信|ビデオ通話不在着信|不在着信|Nem fogadott hanghívás|Nem fogadott videohívás|Nem fogadott videóhívás|Panggilan suara tak terjawab|Panggilan video tak terjawab
  Propušteni glasovni poziv|Propušten glasovni poziv|Propušteni videopoziv|Propušten video poziv|मिस्ड वॉइस कॉल|वॉइस कॉल मिस हुई|मिस्ड वीडियो कॉल|છૂટેલો વોઇસ કૉલ
  Vastaamaton äänipuhelu|Vastaamaton videopuhelu|تماس صوتی پاسخ داده نشده|تماس تصویری پاسخ داده نشده|تماس تصویری بیپاسخ|Ubesvaret taleopkald|Ubesvaret videoopkald|Mistet opkald
  Trucada de veu perduda|Trucada de vídeo perduda|Videotrucada perduda|Neatbildēts balss zvans|Neatbildēts video zvans|Zgrešen klic|Praleistas balso skambutis|Vastamata häälkõne
  Vastamata videokõne|Пропуснато гласово обаждане|Пропуснато видео обаждане|Пропуштен гласовни позив|Пропуштен видео позив|Buraxılmış zəng|Nakaligtaang voice call|Nakaligtaang video call`;

/** Calls that were answered, declined or not: only after WhatsApp's mark, since people write these words too. */
const markedCalls = `
  Voice call|Video call|Group call|Sprachanruf|Videoanruf|Gruppenanruf|Llamada|Llamada de voz|Videollamada|Appel vocal|Appel vidéo|Chiamata vocale|Videochiamata
  Ligação de voz|Chamada de voz|Ligação de vídeo|Chamada de vídeo|Videochamada|Spraakoproep|Video-oproep|Röstsamtal|Videosamtal|Äänipuhelu|Videopuhelu|Sesli arama
  Görüntülü arama|Аудиозвонок|Видеозвонок|مكالمة صوتية|مكالمة فيديو|שיחה קולית|שיחת וידאו|वॉइस कॉल|वीडियो कॉल|Panggilan suara|Panggilan video|การโทรด้วยเสียง|วิดีโอคอล|음성통화|영상통화
  音声通話|ビデオ通話|语音通话|视频通话|語音通話|視訊通話|Połączenie głosowe|Połączenie wideo|Rozmowa głosowa|Rozmowa wideo`;

/** The first line of a poll. */
const polls = `
  POLL|UMFRAGE|ENCUESTA|SONDAGE|SONDAGGIO|ENQUETE|SONDAGEM|PEILING|ANKET|ОПРОС|ОПИТУВАННЯ|استطلاع|استطلاع رأي|סקר|पोल|POLLING|JAJAK PENDAPAT|KYSELY|OMRÖSTNING|ENKÄT|AFSTEMNING
  AVSTEMNING|투표|アンケート|投票|ANKIETA|ANKETA|SONDAJ|ΔΗΜΟΣΚΟΠΗΣΗ|แบบสำรวจ|โพล|CUỘC THĂM DÒ Ý KIẾN|SZAVAZÁS|ENQUESTA`;

/** How the notices begin that iOS signs with a name, for files that lost their marks on the way. */
const notices = `
  Messages and calls are end-to-end encrypted|Messages you send to this chat and calls are now secured|Messages to this chat and calls are now secured
  Messages to this group are now secured|Nachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt|Nachrichten in diesem Chat sowie Anrufe sind jetzt
  Los mensajes y las llamadas están cifrados de extremo a extremo|Les messages et les appels sont chiffrés de bout en bout
  I messaggi e le chiamate sono crittografati end-to-end|As mensagens e as chamadas são protegidas com a criptografia|As mensagens e chamadas são encriptadas ponto a ponto
  Berichten en oproepen worden end-to-end versleuteld|Berichten en gesprekken worden end-to-end versleuteld|Сообщения и звонки защищены сквозным шифрованием
  Повідомлення й дзвінки захищено наскрізним шифруванням|الرسائل والمكالمات مشفرة تمامًا بين الطرفين|ההודעות והשיחות מוצפנות מקצה|הודעות ושיחות מוצפנות מקצה לקצה
  Mesajlar ve aramalar uçtan uca şifrelidir|Meddelanden och samtal är totalsträckskrypterade|Meddelanden och samtal är komplett krypterade|Viestit ja puhelut salataan täysin
  Viestit ja puhelut ovat täysin salattuja|मैसेज और कॉल एंड-टू-एंड एन्क्रिप्टेड|मैसेजेस और कॉल्स एंड-टू-एंड एन्क्रिप्टेड|ข้อความและการโทรได้รับการเข้ารหัส|Pesan dan panggilan terenkripsi secara end-to-end
  Tin nhắn và cuộc gọi được mã hóa đầu cuối|메시지와 통화는 종단간 암호화|메시지 및 전화는 종단간 암호화|メッセージと通話はエンドツーエンド暗号化|消息和通话都进行端到端加密|訊息和通話經端對端加密|訊息已受端對端加密
  Wiadomości i połączenia są w pełni zaszyfrowane|Wiadomości i połączenia są szyfrowane end-to-end|Zprávy a hovory jsou|Správy a hovory sú|Mesajele și apelurile sunt criptate
  Beskeder og opkald er end-to-end-krypterede|Meldinger og samtaler er ende-til-ende-krypterte|Τα μηνύματα και οι κλήσεις κρυπτογραφούνται|Az üzenetek és hívások végpontok közötti
  Poruke i pozivi zaštićeni su|Mesej dan panggilan disulitkan|پیام‌ها و تماس‌ها سرتاسر رمزگذاری|Your security code with|Waiting for this message|This message can't be displayed
  Deine Sicherheitsnummer|Warten auf diese Nachricht|Cambió tu código de seguridad|Esperando este mensaje|Votre code de sécurité avec|En attente de ce message
  Il tuo codice di sicurezza con|In attesa del messaggio|Seu código de segurança com|Aguardando mensagem`;

/** `(file attached)` on Android, where the mark and the usual file name are both missing. */
const attached = `
  file attached|fișier atașat|файл добавлен|附件檔案|file allegato|arxiu adjunt|soubor byl přiložen|文件附件|file terlampir|添付ファイル有り|συνημμένο αρχείο|pievienots fails
  fil vedhæftet|फाइल संलग्न|қосымша файл|ફાઇલ જોડાયેલ|קובץ מצורף|הקובץ צורף|fail dilampirkan|arquivo anexado|फाइल अटैच कर दी गई है|फ़ाइल अटैच की गई|fayl biriktirildi
  załączony plik|plik załączony|tệp đính kèm|skedë e ngjitur|bifogad fil|priložena datoteka|súbor pripojený|پیوستہ فائل|faili limeambatanishwa|dosya ekli|ไฟล์ที่แนบ
  vedlagt fil|liitetiedosto|tiedosto liitetty|fichier joint|archivo adjunto|archivo adjuntado|fail lisatud|datoteka u privitku|fájl csatolva|bestand bijgevoegd
  прикачен файл|ফাইল সংযুক্ত হয়েছে|lêer aangeheg|Datei angehängt|fayl əlavə olunub|파일 첨부됨|ഫയൽ ചേർത്തു|прикачен фајл|الملف مرفق|ficheiro anexado|файл додано|прикачена датотека`;

function phrases(table: string): string[] {
  return table
    .split(/[|\n]/)
    .map(foldPhrase)
    .filter((phrase) => phrase !== '');
}

export const omittedPhrases: ReadonlyMap<string, OmittedKind> = new Map(
  (Object.keys(omitted) as OmittedKind[]).flatMap((kind) =>
    phrases(omitted[kind]).map((phrase) => [phrase, kind] as const),
  ),
);
export const deletedPhrases: ReadonlySet<string> = new Set(phrases(deleted));
export const editedPhrases: ReadonlySet<string> = new Set(phrases(edited));
export const callPhrases: ReadonlySet<string> = new Set(phrases(calls));
export const markedCallPhrases: ReadonlySet<string> = new Set(phrases(markedCalls));
export const pollPhrases: ReadonlySet<string> = new Set(phrases(polls));
export const attachedPhrases: ReadonlySet<string> = new Set(phrases(attached));
export const noticeBeginnings: readonly string[] = phrases(notices);
